/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vt.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PARAMETERS_MAX 16

typedef enum
{
  STATE_TEXT,
  STATE_ESCAPE,
  STATE_CSI,
  STATE_STRING,  /* OSC: up to BEL or ESC \ */
  STATE_CHARSET, /* one byte to skip */
} State;

struct _Vt
{
  int fd;
  GPid pid;
  int cols;
  int rows;
  gunichar *cells;
  int y;
  int x;
  int saved_y;
  int saved_x;
  int top;    /* scrolling region, inclusive */
  int bottom;
  gunichar last;
  State state;
  int parameters[PARAMETERS_MAX];
  int n_parameters;
  char intermediate;
  char utf8[8];
  int utf8_length;
  guint64 received;
};

/* -- cells ----------------------------------------------------------------------- */

static gunichar *
cell (Vt *self, int y, int x)
{
  return &self->cells[y * self->cols + x];
}

static void
blank (Vt *self, int y, int from, int to)
{
  for (int x = MAX (from, 0); x < MIN (to, self->cols); x++)
    *cell (self, y, x) = ' ';
}

static void
scroll (Vt *self, int top, int bottom, int by)
{
  int n = bottom - top + 1;
  int lines = MIN (ABS (by), n);
  gsize keep = sizeof (gunichar) * (gsize) (self->cols * (n - lines));

  if (by > 0)
    memmove (cell (self, top, 0), cell (self, top + lines, 0), keep);
  else
    memmove (cell (self, top + lines, 0), cell (self, top, 0), keep);
  for (int i = 0; i < lines; i++)
    blank (self, by > 0 ? bottom - i : top + i, 0, self->cols);
}

static void
move_to (Vt *self, int y, int x)
{
  self->y = CLAMP (y, 0, self->rows - 1);
  self->x = CLAMP (x, 0, self->cols - 1);
}

static void
line_feed (Vt *self)
{
  if (self->y == self->bottom)
    scroll (self, self->top, self->bottom, 1);
  else
    move_to (self, self->y + 1, MIN (self->x, self->cols - 1));
}

static void
put (Vt *self, gunichar c)
{
  if (self->x >= self->cols)
    {
      self->x = 0;
      line_feed (self);
    }
  *cell (self, self->y, self->x++) = c;
  self->last = c;
}

/* Shifts the rest of the line: to the right (inserting) or to the left. */
static void
shift_cells (Vt *self, int by)
{
  int room = self->cols - self->x;
  int n = MIN (ABS (by), room);
  gsize keep = sizeof (gunichar) * (gsize) (room - n);

  if (by > 0)
    memmove (cell (self, self->y, self->x) + n, cell (self, self->y, self->x), keep);
  else
    memmove (cell (self, self->y, self->x), cell (self, self->y, self->x) + n, keep);
  blank (self, self->y, by > 0 ? self->x : self->cols - n, by > 0 ? self->x + n : self->cols);
}

/* -- sequences --------------------------------------------------------------------- */

static int
parameter (Vt *self, int i, int missing)
{
  return i < self->n_parameters && self->parameters[i] > 0 ? self->parameters[i] : missing;
}

static void
erase_line (Vt *self, int how)
{
  blank (self, self->y, how == 0 ? self->x : 0, how == 1 ? self->x + 1 : self->cols);
}

static void
erase_screen (Vt *self, int how)
{
  erase_line (self, how);
  for (int y = how == 0 ? self->y + 1 : 0; y < (how == 1 ? self->y : self->rows); y++)
    blank (self, y, 0, self->cols);
}

static void
do_csi (Vt *self, char final)
{
  int n = parameter (self, 0, 1);

  /* clang-format off: a table */
  switch (final)
    {
    case 'A': move_to (self, self->y - n, self->x); break;
    case 'B': move_to (self, self->y + n, self->x); break;
    case 'C': move_to (self, self->y, self->x + n); break;
    case 'D': move_to (self, self->y, self->x - n); break;
    case 'G': move_to (self, self->y, n - 1); break;
    case 'd': move_to (self, n - 1, self->x); break;
    case 'H':
    case 'f': move_to (self, n - 1, parameter (self, 1, 1) - 1); break;
    case 'J': erase_screen (self, parameter (self, 0, 0)); break;
    case 'K': erase_line (self, parameter (self, 0, 0)); break;
    case 'X': blank (self, self->y, self->x, self->x + n); break;
    case '@': shift_cells (self, n); break;
    case 'P': shift_cells (self, -n); break;
    case 'L': scroll (self, self->y, self->bottom, -n); break;
    case 'M': scroll (self, self->y, self->bottom, n); break;
    case 'S': scroll (self, self->top, self->bottom, n); break;
    case 'T': scroll (self, self->top, self->bottom, -n); break;
    case 'Z': move_to (self, self->y, (self->x - 1) / 8 * 8); break;
    case 'b':
      while (n-- > 0)
        put (self, self->last);
      break;
    case 'r':
      self->top = CLAMP (n - 1, 0, self->rows - 1);
      self->bottom = CLAMP (parameter (self, 1, self->rows) - 1, self->top, self->rows - 1);
      move_to (self, 0, 0);
      break;
    default: /* colours and modes: not on the screen as text */
      break;
    }
  /* clang-format on */
}

static void
take_csi (Vt *self, char c)
{
  if (g_ascii_isdigit (c))
    {
      if (self->n_parameters == 0)
        self->n_parameters = 1;
      self->parameters[self->n_parameters - 1] = self->parameters[self->n_parameters - 1] * 10 + (c - '0');
    }
  else if (c == ';')
    {
      self->n_parameters = MIN (MAX (self->n_parameters, 1) + 1, PARAMETERS_MAX);
      self->parameters[self->n_parameters - 1] = 0;
    }
  else if (c >= 0x40)
    {
      self->state = STATE_TEXT;
      if (self->intermediate == 0)
        do_csi (self, c);
    }
  else
    {
      self->intermediate = c;
    }
}

static void
take_escape (Vt *self, char c)
{
  self->state = STATE_TEXT;
  switch (c)
    {
    case '[':
      self->state = STATE_CSI;
      self->n_parameters = 0;
      self->intermediate = 0;
      memset (self->parameters, 0, sizeof self->parameters);
      break;
    case ']':
      self->state = STATE_STRING;
      break;
    case '(':
    case ')':
      self->state = STATE_CHARSET;
      break;
    case '7':
      self->saved_y = self->y;
      self->saved_x = self->x;
      break;
    case '8':
      move_to (self, self->saved_y, self->saved_x);
      break;
    case 'M':
      if (self->y == self->top)
        scroll (self, self->top, self->bottom, -1);
      else
        move_to (self, self->y - 1, self->x);
      break;
    default:
      break;
    }
}

static void
take_text (Vt *self, char c)
{
  gunichar whole;

  if (self->utf8_length > 0 || (c & 0x80) != 0)
    {
      self->utf8[self->utf8_length++] = c;
      whole = g_utf8_get_char_validated (self->utf8, self->utf8_length);
      if (whole == (gunichar) -2 && self->utf8_length < 4)
        return;
      self->utf8_length = 0;
      put (self, whole >= (gunichar) -2 ? 0xfffd : whole);
      return;
    }
  if (c == '\033')
    self->state = STATE_ESCAPE;
  else if (c == '\r')
    self->x = 0;
  else if (c == '\n')
    line_feed (self);
  else if (c == '\b')
    move_to (self, self->y, self->x - 1);
  else if (c == '\t')
    move_to (self, self->y, (self->x / 8 + 1) * 8);
  else if (c >= ' ')
    put (self, (guchar) c);
}

static void
take (Vt *self, const char *bytes, gssize length)
{
  for (gssize i = 0; i < length; i++)
    switch (self->state)
      {
      case STATE_TEXT: take_text (self, bytes[i]); break;
      case STATE_ESCAPE: take_escape (self, bytes[i]); break;
      case STATE_CSI: take_csi (self, bytes[i]); break;
      case STATE_CHARSET: self->state = STATE_TEXT; break;
      case STATE_STRING:
        if (bytes[i] == '\a' || bytes[i] == '\\')
          self->state = STATE_TEXT;
        break;
      }
}

/* -- the program ----------------------------------------------------------------------- */

Vt *
vt_new (int cols, int rows, const char *const *argv, const char *const *env)
{
  Vt *self = g_new0 (Vt, 1);
  struct winsize size = { .ws_row = (unsigned short) rows, .ws_col = (unsigned short) cols };
  g_auto(GStrv) its_env = g_environ_setenv (g_strdupv ((char **) env), "TERM", VT_TERM, TRUE);

  self->cols = cols;
  self->rows = rows;
  self->bottom = rows - 1;
  self->cells = g_new (gunichar, cols * rows);
  for (int y = 0; y < rows; y++)
    blank (self, y, 0, cols);
  self->pid = forkpty (&self->fd, NULL, NULL, &size);
  g_assert_cmpint (self->pid, >=, 0);
  if (self->pid == 0)
    {
      execve (argv[0], (char *const *) argv, its_env);
      _exit (127);
    }
  fcntl (self->fd, F_SETFD, FD_CLOEXEC);
  return self;
}

void
vt_free (Vt *self)
{
  close (self->fd);
  while (waitpid (self->pid, NULL, 0) < 0 && errno == EINTR)
    ;
  g_free (self->cells);
  g_free (self);
}

GPid
vt_get_pid (Vt *self)
{
  return self->pid;
}

void
vt_type (Vt *self, const char *bytes)
{
  gsize length = strlen (bytes);

  g_assert_cmpint (write (self->fd, bytes, length), ==, (gssize) length);
}

gboolean
vt_read (Vt *self, int wait_ms)
{
  struct pollfd there = { .fd = self->fd, .events = POLLIN };
  char bytes[16384];
  gssize n;

  if (poll (&there, 1, wait_ms) <= 0)
    return FALSE;
  n = read (self->fd, bytes, sizeof bytes);
  if (n <= 0)
    g_error ("the program has ended; its screen was:\n%s", vt_get_text (self));
  self->received += (guint64) n;
  take (self, bytes, n);
  return TRUE;
}

guint64
vt_get_received (Vt *self)
{
  return self->received;
}

char *
vt_get_line (Vt *self, int row)
{
  g_autofree char *line = g_ucs4_to_utf8 (cell (self, row, 0), self->cols, NULL, NULL, NULL);

  return g_strchomp (g_steal_pointer (&line));
}

char *
vt_get_text (Vt *self)
{
  GString *text = g_string_new (NULL);

  for (int y = 0; y < self->rows; y++)
    {
      g_autofree char *line = vt_get_line (self, y);

      g_string_append_printf (text, "%s\n", line);
    }
  return g_string_free (text, FALSE);
}

gint64
vt_wait (Vt *self, VtCheck check, gconstpointer data, int limit_ms, const char *what)
{
  gint64 until_us = g_get_monotonic_time () + limit_ms * G_TIME_SPAN_MILLISECOND;

  while (!check (self, data))
    {
      int left_ms = (int) ((until_us - g_get_monotonic_time ()) / 1000);

      if (left_ms <= 0)
        g_error ("%s: not seen within %d ms; the screen:\n%s", what, limit_ms, vt_get_text (self));
      vt_read (self, left_ms);
    }
  return g_get_monotonic_time ();
}

void
vt_pass_time (Vt *self, int ms)
{
  gint64 until_us = g_get_monotonic_time () + ms * G_TIME_SPAN_MILLISECOND;
  gint64 left_us;

  while ((left_us = until_us - g_get_monotonic_time ()) > 0)
    vt_read (self, (int) ((left_us + 999) / 1000));
}
