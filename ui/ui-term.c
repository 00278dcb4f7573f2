/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ui-term.h"

#include "api-error.h"
#include "ui-crash.h"
#include "ui-text.h"

#include <langinfo.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#define NCURSES_WIDECHAR 1
#include <curses.h>
#include <term.h>

#define MOUSE_OFF "\033[?1000l\033[?1002l\033[?1003l\033[?1006l\033[?1015l"
#define COPY_MAX 65536

struct _UiTerm
{
  SCREEN *screen;
  gboolean utf8;
  gboolean color;
  gboolean mouse;
  int rows;
  int cols;
  UiGrid *shown;   /* what the terminal shows (nullable) */
  UiTheme theme;
  int click_y;
  int click_x;
};

/* A capability without the pauses that terminfo writes into it. */
static void
append_capability (GString *text, const char *name)
{
  const char *value = tigetstr (name);

  if (value == NULL || value == (const char *) -1)
    return;
  for (const char *p = value; *p != '\0'; p++)
    {
      const char *end = p[0] == '$' && p[1] == '<' ? strchr (p, '>') : NULL;

      if (end != NULL)
        p = end;
      else
        g_string_append_c (text, *p);
    }
}

static char *
restore_text (gboolean mouse)
{
  GString *text = g_string_new (NULL);

  if (mouse)
    g_string_append (text, MOUSE_OFF);
  append_capability (text, "op");
  append_capability (text, "sgr0");
  append_capability (text, "cnorm");
  append_capability (text, "rmkx");
  append_capability (text, "rmcup");
  return g_string_free (text, FALSE);
}

static gboolean
check_terminal (GError **error)
{
  const char *term = g_getenv ("TERM");

  if (isatty (STDIN_FILENO) && isatty (STDOUT_FILENO) && term != NULL && *term != '\0' && strcmp (term, "dumb") != 0)
    return TRUE;
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE,
               "the console needs a terminal that can place text (TERM is '%s'); 'qmig watch' says the same line by line",
               term != NULL ? term : "");
  return FALSE;
}

static void
start_colors (UiTerm *self)
{
  self->color = has_colors () && start_color () == OK && COLORS >= 8;
  if (self->color)
    use_default_colors ();
  /* Pair 0 is the terminal's own; the eight colours follow. */
  for (short i = 0; self->color && i < 8; i++)
    init_pair ((short) (i + 1), i, -1);
}

/* What most terminals send, whatever TERM says of this one: a wrong TERM must not turn F5 into Esc, 1 and 5. */
static void
define_common_keys (void)
{
  static const struct
  {
    const char *sequence;
    int key;
  } keys[] = {
    { "\033[A", KEY_UP },      { "\033OA", KEY_UP },      { "\033[B", KEY_DOWN },    { "\033OB", KEY_DOWN },    { "\033[C", KEY_RIGHT },
    { "\033OC", KEY_RIGHT },   { "\033[D", KEY_LEFT },    { "\033OD", KEY_LEFT },    { "\033[H", KEY_HOME },    { "\033[1~", KEY_HOME },
    { "\033[F", KEY_END },     { "\033[4~", KEY_END },    { "\033[5~", KEY_PPAGE },  { "\033[6~", KEY_NPAGE },  { "\033[3~", KEY_DC },
    { "\033[Z", KEY_BTAB },    { "\033OP", KEY_F (1) },   { "\033[11~", KEY_F (1) }, { "\033[15~", KEY_F (5) },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (keys); i++)
    if (key_defined (keys[i].sequence) == 0)
      define_key (keys[i].sequence, keys[i].key);
}

static void
set_modes (UiTerm *self)
{
  cbreak ();
  noecho ();
  nonl ();
  intrflush (stdscr, FALSE);
  keypad (stdscr, TRUE);
  nodelay (stdscr, TRUE);
  leaveok (stdscr, FALSE);
  set_escdelay (25);
  if (!self->mouse)
    return;
  mousemask (BUTTON1_PRESSED | BUTTON1_CLICKED | BUTTON4_PRESSED | BUTTON5_PRESSED, NULL);
  mouseinterval (0);
}

UiTerm *
ui_term_new (gboolean mouse, GError **error)
{
  UiTerm *self;
  SCREEN *screen;
  g_autofree char *restore = NULL;
  int errret = 0;

  if (!check_terminal (error))
    return NULL;
  if (setupterm (NULL, STDOUT_FILENO, &errret) != OK || tigetstr ("cup") == NULL)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE, "the console cannot use TERM=%s; 'qmig watch' says the same line by line", g_getenv ("TERM"));
      return NULL;
    }
  restore = restore_text (mouse);
  /* Before the first change of the terminal, so that there is no moment without. */
  ui_crash_arm (STDOUT_FILENO, restore);
  screen = newterm (NULL, stdout, stdin);
  if (screen == NULL)
    {
      ui_crash_disarm ();
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE, "the console cannot use TERM=%s", g_getenv ("TERM"));
      return NULL;
    }

  self = g_new0 (UiTerm, 1);
  self->screen = screen;
  self->utf8 = strcmp (nl_langinfo (CODESET), "UTF-8") == 0;
  self->mouse = mouse;
  start_colors (self);
  set_modes (self);
  define_common_keys ();
  getmaxyx (stdscr, self->rows, self->cols);
  return self;
}

void
ui_term_free (UiTerm *self)
{
  endwin ();
  delscreen (self->screen);
  ui_crash_disarm ();
  g_clear_pointer (&self->shown, ui_grid_free);
  g_free (self);
}

gboolean
ui_term_has_color (UiTerm *self)
{
  return self->color;
}

gboolean
ui_term_is_utf8 (UiTerm *self)
{
  return self->utf8;
}

void
ui_term_get_size (UiTerm *self, int *rows, int *cols)
{
  *rows = self->rows;
  *cols = self->cols;
}

void
ui_term_resize (UiTerm *self)
{
  struct winsize size;

  if (ioctl (STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0)
    return;
  if (size.ws_row == self->rows && size.ws_col == self->cols)
    return;
  resizeterm (size.ws_row, size.ws_col);
  getmaxyx (stdscr, self->rows, self->cols);
  ui_term_redraw (self);
}

void
ui_term_redraw (UiTerm *self)
{
  g_clear_pointer (&self->shown, ui_grid_free);
}

/* -- drawing -------------------------------------------------------------------------- */

static attr_t
attributes_of (UiTerm *self, UiTheme theme, guint style, short *pair)
{
  UiInk ink = ui_theme_get_ink (theme, style);
  attr_t attributes = A_NORMAL;

  if (ink.attributes & UI_INK_BOLD)
    attributes |= A_BOLD;
  if (ink.attributes & UI_INK_DIM)
    attributes |= A_DIM;
  if (ink.attributes & UI_INK_REVERSE)
    attributes |= A_REVERSE;
  if (ink.attributes & UI_INK_UNDERLINE)
    attributes |= A_UNDERLINE;
  *pair = self->color && ink.foreground >= 0 ? (short) (ink.foreground + 1) : 0;
  return attributes;
}

/* Where the C library and we do not agree how wide a character is, the line would shift. */
static wchar_t
shown_char (UiTerm *self, const UiCell *cell)
{
  char bytes[MB_LEN_MAX];

  if (cell->c < 0x7f)
    return (wchar_t) cell->c;
  if (wcwidth ((wchar_t) cell->c) != cell->width)
    return '?';
  return self->utf8 || wctomb (bytes, (wchar_t) cell->c) > 0 ? (wchar_t) cell->c : '?';
}

static void
put_cell (UiTerm *self, int y, int x, const UiCell *cell, UiTheme theme)
{
  wchar_t text[2] = { shown_char (self, cell), 0 };
  short pair;
  attr_t attributes = attributes_of (self, theme, cell->style, &pair);
  cchar_t out;

  setcchar (&out, text, attributes, pair, NULL);
  mvadd_wch (y, x, &out);
  if (cell->width == 2 && text[0] == '?')
    mvadd_wch (y, x + 1, &out);
}

static gboolean
is_same (const UiCell *a, const UiCell *b)
{
  return a->c == b->c && a->style == b->style && a->width == b->width;
}

static void
put_changes (UiTerm *self, const UiGrid *grid, UiTheme theme)
{
  int rows = MIN (ui_grid_get_rows (grid), self->rows);
  int cols = MIN (ui_grid_get_cols (grid), self->cols);
  gboolean all = self->shown == NULL || ui_grid_get_rows (self->shown) != ui_grid_get_rows (grid)
                 || ui_grid_get_cols (self->shown) != ui_grid_get_cols (grid) || theme != self->theme;

  if (all)
    clear ();
  for (int y = 0; y < rows; y++)
    for (int x = 0; x < cols; x++)
      {
        const UiCell *cell = ui_grid_get_cell (grid, y, x);

        if (cell->width > 0 && (all || !is_same (cell, ui_grid_get_cell (self->shown, y, x))))
          put_cell (self, y, x, cell, theme);
      }
}

gboolean
ui_term_draw (UiTerm *self, const UiGrid *grid, UiTheme theme)
{
  struct pollfd out = { .fd = STDOUT_FILENO, .events = POLLOUT };
  int y;
  int x;

  /* A terminal that was stopped (Ctrl-S, a slow line) must not stop us. */
  if (poll (&out, 1, 0) <= 0)
    return FALSE;
  put_changes (self, grid, theme);
  curs_set (ui_grid_get_cursor (grid, &y, &x) ? 1 : 0);
  if (ui_grid_get_cursor (grid, &y, &x))
    move (MIN (y, self->rows - 1), MIN (x, self->cols - 1));
  refresh ();
  g_clear_pointer (&self->shown, ui_grid_free);
  self->shown = ui_grid_copy (grid);
  self->theme = theme;
  return TRUE;
}

/* -- keys -------------------------------------------------------------------------------- */

static int
key_from_curses (int code)
{
  static const struct
  {
    int curses;
    int key;
  } keys[] = {
    { KEY_UP, UI_KEY_UP },       { KEY_DOWN, UI_KEY_DOWN },         { KEY_LEFT, UI_KEY_LEFT },     { KEY_RIGHT, UI_KEY_RIGHT },
    { KEY_PPAGE, UI_KEY_PAGE_UP }, { KEY_NPAGE, UI_KEY_PAGE_DOWN }, { KEY_HOME, UI_KEY_HOME },     { KEY_END, UI_KEY_END },
    { KEY_ENTER, UI_KEY_ENTER }, { KEY_BTAB, UI_KEY_BACK_TAB },     { KEY_BACKSPACE, UI_KEY_BACKSPACE }, { KEY_DC, UI_KEY_DELETE },
    { KEY_FIND, UI_KEY_HOME },   { KEY_SELECT, UI_KEY_END },        { KEY_A1, UI_KEY_HOME },       { KEY_C1, UI_KEY_END },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (keys); i++)
    if (keys[i].curses == code)
      return keys[i].key;
  return code >= KEY_F (1) && code <= KEY_F (12) ? UI_KEY_F1 + code - KEY_F (1) : UI_KEY_NONE;
}

static int
read_mouse (UiTerm *self)
{
  MEVENT event;

  if (getmouse (&event) != OK)
    return UI_KEY_NONE;
  self->click_y = event.y;
  self->click_x = event.x;
  if (event.bstate & BUTTON4_PRESSED)
    return UI_KEY_WHEEL_UP;
  if (event.bstate & BUTTON5_PRESSED)
    return UI_KEY_WHEEL_DOWN;
  return event.bstate & (BUTTON1_PRESSED | BUTTON1_CLICKED) ? UI_KEY_MOUSE : UI_KEY_NONE;
}

static int
key_from_char (wint_t c)
{
  if (c == '\r' || c == '\n')
    return UI_KEY_ENTER;
  if (c == 27)
    return UI_KEY_ESC;
  if (c == '\t')
    return UI_KEY_TAB;
  if (c == 127 || c == 8)
    return UI_KEY_BACKSPACE;
  return (int) c;
}

/* The rest of a key that nobody here knows; its letters are not what was typed. */
static gboolean
skip_unknown_key (void)
{
  wint_t c;

  if (get_wch (&c) != OK)
    return FALSE;
  if (c != '[' && c != 'O')
    {
      unget_wch ((wchar_t) c);
      return FALSE;
    }
  while (get_wch (&c) == OK && (c < 0x40 || c > 0x7e))
    continue;
  return TRUE;
}

int
ui_term_read_key (UiTerm *self)
{
  wint_t c;

  for (;;)
    {
      int kind = get_wch (&c);
      int key;

      if (kind == ERR)
        return UI_KEY_NONE;
      if (kind != KEY_CODE_YES && c == 27 && skip_unknown_key ())
        continue;
      if (kind != KEY_CODE_YES)
        return key_from_char (c);
      key = c == KEY_MOUSE ? read_mouse (self) : key_from_curses ((int) c);
      if (key != UI_KEY_NONE)
        return key;
    }
}

void
ui_term_get_click (UiTerm *self, int *y, int *x)
{
  *y = self->click_y;
  *x = self->click_x;
}

/* -- leaving and coming back ------------------------------------------------------------- */

void
ui_term_suspend (UiTerm *self)
{
  struct sigaction stop = { .sa_handler = SIG_DFL };
  struct sigaction before;

  endwin ();
  sigaction (SIGTSTP, &stop, &before);
  raise (SIGTSTP);
  /* Here it goes on. */
  sigaction (SIGTSTP, &before, NULL);
  reset_prog_mode ();
  set_modes (self);
  ui_term_resize (self);
  ui_term_redraw (self);
}

void
ui_term_copy (UiTerm *self, const char *text)
{
  gsize length = MIN (strlen (text), COPY_MAX);
  g_autofree char *encoded = g_base64_encode ((const guchar *) text, length);
  g_autofree char *sequence = g_strdup_printf ("\033]52;c;%s\a", encoded);

  /* What knows no such sequence could print it. */
  if (g_str_has_prefix (g_getenv ("TERM"), "linux") || g_str_has_prefix (g_getenv ("TERM"), "vt"))
    return;
  putp (sequence);
  fflush (stdout);
}
