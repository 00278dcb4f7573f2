/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * All that runs in the Linux guest: process 1, linked statically.  It answers TCP on
 *   port 7   with whatever it was sent;
 *   port 19  with numbers, 64 bit each in the guest's byte order, from 0 on without holes, one each millisecond.
 * Meanwhile it writes one word into each page of 8 MiB, at 16 MiB/s, so that a move has something to do.
 *
 * Its address is the value of guest.address on the kernel's command line.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS 16
#define PAGES 2048
#define PAGE_BYTES 4096
#define PAGES_PER_MS 4
#define LATE_MS 50 /* what is more overdue than this is dropped */

typedef struct
{
  int fd;           /* -1: free */
  int counts;       /* port 19 */
  uint64_t next;
  size_t sent;      /* bytes of `next` that are on their way already */
} Connection;

static Connection connections[CONNECTIONS];
static volatile uint64_t memory[PAGES][PAGE_BYTES / sizeof (uint64_t)];

static void
say (const char *text)
{
  if (write (1, text, strlen (text)) < 0)
    return;
}

static void
give_up (const char *what)
{
  printf ("guest: cannot %s: %s\n", what, strerror (errno));
  fflush (stdout);
  while (1)
    pause ();
}

/* -- the way in ------------------------------------------------------------------ */

static void
load_modules (void)
{
  static const char *const names[] = { "failover", "net_failover", "virtio_ring", "virtio", "virtio_pci_legacy_dev",
                                       "virtio_pci_modern_dev", "virtio_pci", "virtio_net" };

  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    {
      char path[64];
      int fd;

      snprintf (path, sizeof path, "/%s.ko", names[i]);
      fd = open (path, O_RDONLY | O_CLOEXEC);
      if (fd < 0 || syscall (SYS_finit_module, fd, "", 0) != 0)
        give_up (path);
      close (fd);
    }
}

static void
read_address (char *address, size_t size)
{
  char line[1024] = "";
  const char *value;
  int fd = open ("/proc/cmdline", O_RDONLY | O_CLOEXEC);

  if (fd < 0 || read (fd, line, sizeof line - 1) <= 0 || (value = strstr (line, "guest.address=")) == NULL)
    give_up ("find guest.address");
  value += strlen ("guest.address=");
  snprintf (address, size, "%.*s", (int) strcspn (value, " \n"), value);
  close (fd);
}

static void
set_address (struct ifreq *request, int fd, unsigned long what, const char *address)
{
  struct sockaddr_in *in = (struct sockaddr_in *) &request->ifr_addr;

  memset (in, 0, sizeof *in);
  in->sin_family = AF_INET;
  if (inet_pton (AF_INET, address, &in->sin_addr) != 1 || ioctl (fd, what, request) != 0)
    give_up ("set the address");
}

static void
start_network (void)
{
  struct ifreq request = { .ifr_name = "eth0" };
  char address[64];
  int fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

  read_address (address, sizeof address);
  set_address (&request, fd, SIOCSIFADDR, address);
  set_address (&request, fd, SIOCSIFNETMASK, "255.255.255.0");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  if (ioctl (fd, SIOCSIFFLAGS, &request) != 0)
    give_up ("bring up eth0");
  close (fd);
}

static int
listen_on (int port)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons ((uint16_t) port) };
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

  if (fd < 0 || bind (fd, (struct sockaddr *) &address, sizeof address) != 0 || listen (fd, 8) != 0)
    give_up ("listen");
  return fd;
}

/* -- the services ------------------------------------------------------------------ */

static void
welcome (int listener, int counts)
{
  int fd = accept4 (listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  int yes = 1;

  for (int i = 0; fd >= 0 && i < CONNECTIONS; i++)
    if (connections[i].fd < 0)
      {
        setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        connections[i] = (Connection) { .fd = fd, .counts = counts };
        return;
      }
  close (fd);
}

static void
drop (Connection *connection)
{
  close (connection->fd);
  connection->fd = -1;
}

/* What the other side does not take at once is lost to an echo: it is asked with few bytes at a time. */
static void
answer (Connection *connection)
{
  char text[4096];
  ssize_t length = recv (connection->fd, text, sizeof text, 0);

  if (length == 0 || (length < 0 && errno != EAGAIN))
    drop (connection);
  else if (length > 0 && !connection->counts && send (connection->fd, text, (size_t) length, MSG_NOSIGNAL) != length)
    drop (connection);
}

static void
count (Connection *connection)
{
  size_t left = sizeof connection->next - connection->sent;
  ssize_t sent = send (connection->fd, (char *) &connection->next + connection->sent, left, MSG_NOSIGNAL);

  if (sent < 0 && errno != EAGAIN)
    drop (connection);
  else if (sent > 0)
    connection->sent += (size_t) sent;
  if (connection->sent == sizeof connection->next)
    {
      connection->sent = 0;
      connection->next++;
    }
}

/* -- the work --------------------------------------------------------------------- */

static int64_t
now_ms (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void
work_for_a_millisecond (void)
{
  static unsigned page;

  for (int i = 0; i < PAGES_PER_MS; i++, page = (page + 1) % PAGES)
    memory[page][0]++;
  for (int i = 0; i < CONNECTIONS; i++)
    if (connections[i].fd >= 0 && connections[i].counts)
      count (&connections[i]);
}

static void
serve (int echo, int counter)
{
  struct pollfd all[CONNECTIONS + 2];

  for (int i = 0; i < CONNECTIONS; i++)
    all[i] = (struct pollfd) { .fd = connections[i].fd, .events = POLLIN };
  all[CONNECTIONS] = (struct pollfd) { .fd = echo, .events = POLLIN };
  all[CONNECTIONS + 1] = (struct pollfd) { .fd = counter, .events = POLLIN };
  if (poll (all, CONNECTIONS + 2, 1) <= 0)
    return;
  for (int i = 0; i < CONNECTIONS; i++)
    if (all[i].revents != 0)
      answer (&connections[i]);
  if (all[CONNECTIONS].revents != 0)
    welcome (echo, 0);
  if (all[CONNECTIONS + 1].revents != 0)
    welcome (counter, 1);
}

int
main (void)
{
  int echo, counter;
  int64_t done_ms;

  mkdir ("/proc", 0755);
  mount ("proc", "/proc", "proc", 0, NULL);
  load_modules ();
  start_network ();
  for (int i = 0; i < CONNECTIONS; i++)
    connections[i].fd = -1;
  echo = listen_on (7);
  counter = listen_on (19);
  say ("guest: ready\n");

  done_ms = now_ms ();
  while (1)
    {
      int64_t now = now_ms ();

      if (now - done_ms > LATE_MS)
        done_ms = now - LATE_MS;
      for (; done_ms < now; done_ms++)
        work_for_a_millisecond ();
      serve (echo, counter);
    }
}
