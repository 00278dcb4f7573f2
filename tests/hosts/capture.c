/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "capture.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define FRAME_BYTES (64 * 1024 + 256) /* one of veth may hold what the sender's TCP has not cut up yet */
#define ALIGN_BYTES 2 /* before an Ethernet header, so that what follows it is aligned */
#define BUFFER_BYTES (512 * 1024 * 1024)
#define LOOK_MS 100

struct _Capture
{
  GThread *thread;
  int fd;
  char *text;
  gsize length;
  GHashTable *flows; /* key (as bytes of it) → Flow */
  gboolean ends; /* atomic */
};

/* Its last bytes are kept, as a text may begin in one frame and end in the next. */
typedef struct
{
  GByteArray *tail;
  guint64 bytes;
  guint64 found;
} Flow;

static void
flow_free (gpointer data)
{
  Flow *flow = data;

  g_byte_array_unref (flow->tail);
  g_free (flow);
}

static Flow *
find_flow (Capture *self, const struct iphdr *ip, const struct tcphdr *tcp)
{
  g_autofree char *key = g_strdup_printf ("%x:%x-%x:%x", ip->saddr, tcp->source, ip->daddr, tcp->dest);
  Flow *flow = g_hash_table_lookup (self->flows, key);

  if (flow == NULL)
    {
      flow = g_new0 (Flow, 1);
      flow->tail = g_byte_array_new ();
      g_hash_table_insert (self->flows, g_steal_pointer (&key), flow);
    }
  return flow;
}

static void
search (Capture *self, Flow *flow, const guint8 *payload, gsize length)
{
  const guint8 *at;
  gsize left;

  g_byte_array_append (flow->tail, payload, length);
  at = flow->tail->data;
  left = flow->tail->len;
  for (const guint8 *hit; (hit = memmem (at, left, self->text, self->length)) != NULL; flow->found++)
    {
      left -= hit + self->length - at;
      at = hit + self->length;
    }
  if (flow->tail->len >= self->length)
    g_byte_array_remove_range (flow->tail, 0, flow->tail->len - MIN (left, self->length - 1));
}

static void
take (Capture *self, const guint8 *frame, gsize length)
{
  const struct iphdr *ip = (const struct iphdr *) (frame + ETH_HLEN);
  const struct tcphdr *tcp;
  gsize start, end;
  Flow *flow;

  if (length < ETH_HLEN + sizeof *ip || ip->version != 4 || ip->protocol != IPPROTO_TCP)
    return;
  tcp = (const struct tcphdr *) (frame + ETH_HLEN + ip->ihl * 4);
  start = ETH_HLEN + ip->ihl * 4 + tcp->doff * 4;
  end = MIN (length, (gsize) ETH_HLEN + ntohs (ip->tot_len));
  if (start >= end)
    return;
  flow = find_flow (self, ip, tcp);
  flow->bytes += end - start;
  search (self, flow, frame + start, end - start);
}

/* Ends when nothing more comes: what was sent before the end has been seen. */
static gpointer
listen_thread (gpointer data)
{
  Capture *self = data;
  g_autofree guint8 *buffer = g_malloc (ALIGN_BYTES + FRAME_BYTES);
  guint8 *frame = buffer + ALIGN_BYTES;

  while (TRUE)
    {
      GPollFD news = { .fd = self->fd, .events = G_IO_IN };
      gssize length;

      if (g_poll (&news, 1, LOOK_MS) == 0 && g_atomic_int_get (&self->ends))
        return NULL;
      length = recv (self->fd, frame, FRAME_BYTES, MSG_DONTWAIT);
      if (length > 0)
        take (self, frame, length);
    }
}

Capture *
capture_new (const Place *place, const char *interface, const char *text)
{
  Capture *self = g_new0 (Capture, 1);
  struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_protocol = htons (ETH_P_ALL) };
  struct ifreq request = { 0 };
  int size = BUFFER_BYTES;

  self->fd = place_socket (place, AF_PACKET, SOCK_RAW, 0);
  g_assert_cmpint (self->fd, >=, 0);
  g_strlcpy (request.ifr_name, interface, sizeof request.ifr_name);
  g_assert_no_errno (ioctl (self->fd, SIOCGIFINDEX, &request));
  address.sll_ifindex = request.ifr_ifindex;
  setsockopt (self->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
  g_assert_no_errno (bind (self->fd, (struct sockaddr *) &address, sizeof address));

  self->text = g_strdup (text);
  self->length = strlen (text);
  self->flows = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, flow_free);
  self->thread = g_thread_new ("capture", listen_thread, self);
  return self;
}

static void
add_up (const Capture *self, CaptureState *state)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, self->flows);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      const Flow *flow = value;

      state->payload_bytes += flow->bytes;
      state->found += flow->found;
      if (flow->bytes > state->largest_bytes)
        {
          state->largest_bytes = flow->bytes;
          state->found_in_largest = flow->found;
        }
    }
}

void
capture_end (Capture *self, CaptureState *state)
{
  struct tpacket_stats lost = { 0 };
  socklen_t size = sizeof lost;

  g_atomic_int_set (&self->ends, TRUE);
  g_thread_join (self->thread);
  g_assert_no_errno (getsockopt (self->fd, SOL_PACKET, PACKET_STATISTICS, &lost, &size));
  *state = (CaptureState) { .lost_frames = lost.tp_drops };
  add_up (self, state);
  close (self->fd);
  g_hash_table_unref (self->flows);
  g_free (self->text);
  g_free (self);
}
