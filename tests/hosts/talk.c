/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "talk.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ECHO_PORT 7
#define NUMBERS_PORT 19
#define PATIENCE_MS 60000
#define ASK_EVERY_US 5000

struct _Talk
{
  int silent;
  int asking;
  int listening;
  GThread *thread;
  gboolean ends; /* atomic */

  GMutex lock;
  GCond news;
  TalkState state;
  gint64 last_number_us;
  gint64 asked_us;      /* 0: nothing is asked now */
  guint64 question;
  guint64 expected;     /* the next number */
  guint8 part[8];       /* of a number */
  gsize part_bytes;
};

/* -- the connections ------------------------------------------------------------- */

static int
connect_once (const Place *place, const char *address, int port)
{
  struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons ((guint16) port) };
  struct timeval second = { .tv_sec = 1 };
  int fd = place_socket (place, AF_INET, SOCK_STREAM, 0);
  int yes = 1;

  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (inet_pton (AF_INET, address, &to.sin_addr), ==, 1);
  setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  setsockopt (fd, SOL_SOCKET, SO_SNDTIMEO, &second, sizeof second);
  if (connect (fd, (struct sockaddr *) &to, sizeof to) == 0)
    return fd;
  close (fd);
  return -1;
}

static int
connect_to (const Place *place, const char *address, int port)
{
  gint64 end_us = g_get_monotonic_time () + PATIENCE_MS * G_GINT64_CONSTANT (1000);
  int fd;

  while ((fd = connect_once (place, address, port)) < 0)
    {
      if (g_get_monotonic_time () > end_us)
        g_error ("the Linux guest does not answer on port %d", port);
      g_usleep (50000);
    }
  return fd;
}

/* -- the thread -------------------------------------------------------------------- */

static void
break_off (Talk *self, const char *which, gssize length)
{
  if (self->state.broken == NULL)
    self->state.broken = g_strdup_printf ("%s: %s", which, length == 0 ? "closed by the guest" : g_strerror (errno));
}

static void
ask (Talk *self, gint64 now_us)
{
  self->question++;
  self->asked_us = now_us;
  if (send (self->asking, &self->question, sizeof self->question, MSG_NOSIGNAL) != sizeof self->question)
    break_off (self, "the question", -1);
}

static void
take_answer (Talk *self, gint64 now_us)
{
  guint64 answer = 0;
  gssize length = recv (self->asking, &answer, sizeof answer, MSG_WAITALL);

  if (length <= 0)
    break_off (self, "the answer", length);
  else if (length != sizeof answer || answer != self->question)
    self->state.wrong_answers++;
  else
    self->state.answers++;
  self->state.answer_us = MAX (self->state.answer_us, now_us - self->asked_us);
  self->asked_us = 0;
}

static void
take_number (Talk *self)
{
  guint64 number;

  memcpy (&number, self->part, sizeof number);
  if (number != self->expected)
    self->state.wrong_numbers++;
  self->expected = number + 1;
  self->state.numbers++;
}

static void
take_numbers (Talk *self, gint64 now_us)
{
  guint8 bytes[4096];
  gssize length = recv (self->listening, bytes, sizeof bytes, 0);

  if (length <= 0)
    {
      break_off (self, "the numbers", length);
      return;
    }
  for (gssize i = 0; i < length; i++)
    {
      self->part[self->part_bytes++] = bytes[i];
      if (self->part_bytes == sizeof self->part)
        {
          self->part_bytes = 0;
          take_number (self);
        }
    }
  self->state.gap_us = MAX (self->state.gap_us, now_us - self->last_number_us);
  self->last_number_us = now_us;
}

static gpointer
talk_thread (gpointer data)
{
  Talk *self = data;
  gint64 next_us = 0;

  while (!g_atomic_int_get (&self->ends) && self->state.broken == NULL)
    {
      GPollFD all[2] = { { .fd = self->listening, .events = G_IO_IN }, { .fd = self->asking, .events = G_IO_IN } };
      gint64 now_us;

      g_poll (all, 2, ASK_EVERY_US / 1000);
      now_us = g_get_monotonic_time ();
      g_mutex_lock (&self->lock);
      if (all[0].revents != 0)
        take_numbers (self, now_us);
      if (all[1].revents != 0)
        take_answer (self, now_us);
      if (self->asked_us == 0 && now_us >= next_us)
        {
          ask (self, now_us);
          next_us = now_us + ASK_EVERY_US;
        }
      g_cond_broadcast (&self->news);
      g_mutex_unlock (&self->lock);
    }
  return NULL;
}

/* -- what others call ----------------------------------------------------------------- */

Talk *
talk_new (const Place *place, const char *address)
{
  Talk *self = g_new0 (Talk, 1);

  g_mutex_init (&self->lock);
  g_cond_init (&self->news);
  self->silent = connect_to (place, address, ECHO_PORT);
  self->asking = connect_to (place, address, ECHO_PORT);
  self->listening = connect_to (place, address, NUMBERS_PORT);
  self->last_number_us = g_get_monotonic_time ();
  self->thread = g_thread_new ("talk", talk_thread, self);
  return self;
}

void
talk_free (Talk *self)
{
  g_atomic_int_set (&self->ends, TRUE);
  g_thread_join (self->thread);
  close (self->silent);
  close (self->asking);
  close (self->listening);
  g_free (self->state.broken);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->news);
  g_free (self);
}

void
talk_mark (Talk *self)
{
  g_mutex_lock (&self->lock);
  self->state.gap_us = 0;
  self->state.answer_us = 0;
  g_mutex_unlock (&self->lock);
}

gboolean
talk_wait (Talk *self, guint numbers, guint patience_ms)
{
  gint64 end_us = g_get_monotonic_time () + patience_ms * G_GINT64_CONSTANT (1000);
  guint64 enough, answers;
  gboolean came = TRUE;

  g_mutex_lock (&self->lock);
  enough = self->state.numbers + numbers;
  answers = self->state.answers;
  while (came && (self->state.numbers < enough || self->state.answers == answers) && self->state.broken == NULL)
    came = g_cond_wait_until (&self->news, &self->lock, end_us);
  came = came && self->state.broken == NULL;
  g_mutex_unlock (&self->lock);
  return came;
}

void
talk_get_state (Talk *self, TalkState *state)
{
  g_mutex_lock (&self->lock);
  *state = self->state;
  state->broken = g_strdup (self->state.broken);
  g_mutex_unlock (&self->lock);
}

static void
assert_silent_alive (Talk *self)
{
  struct timeval patience = { .tv_sec = PATIENCE_MS / 1000 };
  const char question[] = "still there?";
  char answer[sizeof question] = "";

  setsockopt (self->silent, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  g_assert_cmpint (send (self->silent, question, sizeof question, MSG_NOSIGNAL), ==, sizeof question);
  g_assert_cmpint (recv (self->silent, answer, sizeof answer, MSG_WAITALL), ==, sizeof answer);
  g_assert_cmpstr (answer, ==, question);
}

void
talk_assert_alive (Talk *self)
{
  gboolean came = talk_wait (self, 100, PATIENCE_MS);
  g_autofree char *broken = NULL;
  TalkState state;

  talk_get_state (self, &state);
  broken = state.broken;
  g_assert_cmpstr (broken, ==, NULL);
  g_assert_true (came);
  g_assert_cmpuint (state.wrong_numbers, ==, 0);
  g_assert_cmpuint (state.wrong_answers, ==, 0);
  assert_silent_alive (self);
}
