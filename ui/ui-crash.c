/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ui-crash.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define STACK_BYTES 65536
#define TEXT_BYTES 1024

static const int fatal[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS, SIGXCPU, SIGQUIT };

/* A handler of signals can only use what lies ready. */
static struct
{
  int fd;
  gboolean armed;
  gboolean has_modes;
  struct termios modes;
  char restore[TEXT_BYTES];
  gsize restore_length;
  char last_words[TEXT_BYTES]; /* of an assertion */
  gsize last_words_length;
  struct sigaction before[G_N_ELEMENTS (fatal)];
  GPrintFunc printerr_before;
  void *stack;
} crash;

static void
write_all (int fd, const char *text, gsize length)
{
  while (length > 0)
    {
      gssize n = write (fd, text, length);

      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return;
      text += n;
      length -= (gsize) n;
    }
}

static void
give_back (int signal_number)
{
  static const char words[] = "\r\nqmig: the console died; migrations go on with the agents, and 'qmig console' shows them again\r\n";
  int saved = errno;

  if (crash.armed)
    {
      crash.armed = FALSE;
      write_all (crash.fd, crash.restore, crash.restore_length);
      if (crash.has_modes)
        tcsetattr (crash.fd, TCSANOW, &crash.modes);
      write_all (STDERR_FILENO, crash.last_words, crash.last_words_length);
      write_all (STDERR_FILENO, words, sizeof words - 1);
    }
  /* The default action follows (SA_RESETHAND): a core, and the right status. */
  errno = saved;
  raise (signal_number);
}

/* An assertion is printed before it kills, onto a screen that is about to go. */
static void
keep_words (const char *text)
{
  gsize length = MIN (strlen (text), TEXT_BYTES - 1);

  memcpy (crash.last_words, text, length);
  crash.last_words_length = length;
}

void
ui_crash_arm (int fd, const char *restore)
{
  struct sigaction action = { .sa_handler = give_back, .sa_flags = SA_ONSTACK | (int) SA_RESETHAND | SA_NODEFER };
  stack_t stack = { .ss_size = STACK_BYTES };

  crash.fd = fd;
  crash.has_modes = tcgetattr (fd, &crash.modes) == 0;
  crash.restore_length = MIN (strlen (restore), TEXT_BYTES);
  memcpy (crash.restore, restore, crash.restore_length);
  crash.stack = g_malloc (STACK_BYTES);
  stack.ss_sp = crash.stack;
  sigaltstack (&stack, NULL);
  sigemptyset (&action.sa_mask);
  for (gsize i = 0; i < G_N_ELEMENTS (fatal); i++)
    sigaction (fatal[i], &action, &crash.before[i]);
  crash.printerr_before = g_set_printerr_handler (keep_words);
  crash.armed = TRUE;
}

void
ui_crash_disarm (void)
{
  stack_t none = { .ss_flags = SS_DISABLE };

  if (!crash.armed)
    return;
  crash.armed = FALSE;
  g_set_printerr_handler (crash.printerr_before);
  for (gsize i = 0; i < G_N_ELEMENTS (fatal); i++)
    sigaction (fatal[i], &crash.before[i], NULL);
  sigaltstack (&none, NULL);
  g_clear_pointer (&crash.stack, g_free);
}
