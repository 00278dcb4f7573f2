/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ui-actions.h"

#include "api-error.h"

#include <string.h>

#define LISTS (UI_SCREEN_VMS | UI_SCREEN_RUNS | UI_SCREEN_LOG | UI_SCREEN_HISTORY | UI_SCREEN_HOSTS)
#define LIVE UI_SCREEN_RUN
#define CURVES (UI_SCREEN_RUN | UI_SCREEN_REPLAY | UI_SCREEN_COMPARE)
#define PAGES (LISTS | CURVES)
#define SCROLLS (LISTS | UI_SCREEN_RUN | UI_SCREEN_COMPARE | UI_SCREEN_HELP | UI_SCREEN_PALETTE)

/* clang-format off: a table; the footer takes its words in this order */
static const UiActionInfo actions[] = {
  { UI_ACTION_OPEN, "Enter", "open", UI_SCREEN_VMS | UI_SCREEN_RUNS | UI_SCREEN_HISTORY, UI_SAFE, "open what is selected: a migration, or the dialog to move a VM", NULL },
  { UI_ACTION_OPEN, "Enter", "expand", UI_SCREEN_LOG, UI_SAFE, "show all of the line, or hide it again", NULL },
  { UI_ACTION_OPEN, "Enter", "edit", LIVE, UI_SAFE, "edit the knob that is selected", NULL },

  { UI_ACTION_MIGRATE, "m", "migrate", UI_SCREEN_VMS, UI_REVERSIBLE, "move the VM: opens the dialog, nothing starts yet", "qmig migrate {vm} DEST" },
  { UI_ACTION_CHECK, "c", "check", UI_SCREEN_VMS, UI_SAFE, "pre-flight only: can it be moved, and what would be done", "qmig check {vm} DEST" },
  { UI_ACTION_MARK, "Space", "mark", UI_SCREEN_VMS, UI_SAFE, "mark a VM; m then moves all that are marked, Esc drops the marks", NULL },
  { UI_ACTION_START, "F5", "start", UI_SCREEN_FORM, UI_REVERSIBLE, "start the migration as the form says", NULL },

  { UI_ACTION_DOWNTIME, "d", "downtime", LIVE, UI_REVERSIBLE, "change the downtime budget of the running migration", "qmig tune {migration} --downtime T" },
  { UI_ACTION_BANDWIDTH, "b", "bandwidth", LIVE, UI_REVERSIBLE, "change the bandwidth bound of the running migration", "qmig tune {migration} --bandwidth RATE" },
  { UI_ACTION_THROTTLE, "t", "throttle", LIVE, UI_REVERSIBLE, "change how far the guest's CPUs may be held back", "qmig tune {migration} --throttle-max P" },
  { UI_ACTION_DEADLINE, "l", NULL, LIVE, UI_REVERSIBLE, "change the deadline, counted from the start of the migration", "qmig tune {migration} --deadline T" },
  { UI_ACTION_CANCEL, "X", "cancel", LIVE | UI_SCREEN_RUNS, UI_STOPS_WORK, "cancel and roll back: the VM stays on the source", "qmig cancel {migration}" },
  { UI_ACTION_HOLD, "w", "hold/go", LIVE, UI_REVERSIBLE, "wait at the gate before the switch-over, or go through it", "qmig switch {migration} --hold|--go" },
  { UI_ACTION_POSTCOPY, "P", "post-copy", LIVE, UI_IRREVERSIBLE, "switch to post-copy: from then on there is no way back", "qmig switch {migration} --postcopy --confirm {vm}" },
  { UI_ACTION_RECOVER, "R", NULL, UI_SCREEN_RUN | UI_SCREEN_REPLAY | UI_SCREEN_RUNS | UI_SCREEN_HISTORY, UI_STOPS_WORK, "look at both sides of a migration in doubt, and settle it", "qmig recover {migration}" },
  { UI_ACTION_UNDO, "U", NULL, LIVE, UI_REVERSIBLE, "take back the last change of a knob", NULL },
  { UI_ACTION_STOP_VM, "K", NULL, UI_SCREEN_VMS, UI_IRREVERSIBLE, "end this QEMU at once; what its guest has not written is lost", "qmig vm stop {host}/{vm} --force" },
  { UI_ACTION_TEST_HOST, "t", "test", UI_SCREEN_HOSTS, UI_SAFE, "try the way to the host: versions, clocks, certificates, bandwidth", "qmig host test {host}" },

  { UI_ACTION_PLAY, "Space", "play/pause", UI_SCREEN_REPLAY, UI_SAFE, "run the replay, or stop it", NULL },
  { UI_ACTION_LEFT, "Left", NULL, UI_SCREEN_REPLAY, UI_SAFE, "one sample back", NULL },
  { UI_ACTION_RIGHT, "Right", NULL, UI_SCREEN_REPLAY, UI_SAFE, "one sample on", NULL },
  { UI_ACTION_PHASE_BACK, "[", "phase back", UI_SCREEN_REPLAY, UI_SAFE, "to the stage or pass before", NULL },
  { UI_ACTION_PHASE_ON, "]", "phase on", UI_SCREEN_REPLAY, UI_SAFE, "to the next stage or pass", NULL },
  { UI_ACTION_SLOWER, "<", NULL, UI_SCREEN_REPLAY, UI_SAFE, "replay at half the speed", NULL },
  { UI_ACTION_FASTER, ">", "faster", UI_SCREEN_REPLAY, UI_SAFE, "replay at twice the speed", NULL },
  { UI_ACTION_FIRST, "Home", NULL, UI_SCREEN_REPLAY, UI_SAFE, "to the start", NULL },
  { UI_ACTION_LAST, "End G", NULL, UI_SCREEN_REPLAY, UI_SAFE, "to the end", NULL },

  { UI_ACTION_MARK, "Space", "mark", UI_SCREEN_HISTORY, UI_SAFE, "mark a run for comparison", NULL },
  { UI_ACTION_COMPARE, "=", "compare", UI_SCREEN_HISTORY, UI_SAFE, "compare the two runs that are marked", NULL },

  { UI_ACTION_FOLLOW, "f", "follow", UI_SCREEN_LOG, UI_SAFE, "stay at the newest line, or not", NULL },
  { UI_ACTION_LEVEL, "v", "hosts", UI_SCREEN_LOG, UI_SAFE, "lines of all hosts, or of one after the other", NULL },
  { UI_ACTION_SAMPLES, "a", "samples", UI_SCREEN_LOG, UI_SAFE, "show measurements too, or not", NULL },
  { UI_ACTION_FILTER, "/", "filter", UI_SCREEN_VMS | UI_SCREEN_RUNS | UI_SCREEN_HISTORY | UI_SCREEN_HOSTS, UI_SAFE, "show only rows with this text; ! in front: without it", NULL },
  { UI_ACTION_FILTER, "/", "search", UI_SCREEN_LOG, UI_SAFE, "search the log", NULL },
  { UI_ACTION_FIND_NEXT, "n", NULL, UI_SCREEN_LOG, UI_SAFE, "next line that was searched for", NULL },
  { UI_ACTION_FIND_BACK, "N", NULL, UI_SCREEN_LOG, UI_SAFE, "the one before", NULL },
  { UI_ACTION_SORT, "s", "sort", UI_SCREEN_VMS | UI_SCREEN_HISTORY, UI_SAFE, "sort by the next column", NULL },
  { UI_ACTION_REVERSE, "S", NULL, UI_SCREEN_VMS | UI_SCREEN_HISTORY, UI_SAFE, "the other way round", NULL },

  { UI_ACTION_GRAPH, "g", "graph", CURVES, UI_SAFE, "graph style: braille, block, ascii", NULL },
  { UI_ACTION_ZOOM_IN, "+ =", NULL, UI_SCREEN_RUN | UI_SCREEN_REPLAY, UI_SAFE, "half the time window", NULL },
  { UI_ACTION_ZOOM_OUT, "-", NULL, UI_SCREEN_RUN | UI_SCREEN_REPLAY, UI_SAFE, "twice the time window", NULL },
  { UI_ACTION_LEFT, "Left", NULL, LIVE, UI_SAFE, "time cursor back", NULL },
  { UI_ACTION_RIGHT, "Right", NULL, LIVE, UI_SAFE, "time cursor on; at the right edge it is gone", NULL },
  { UI_ACTION_COPY, "y", NULL, PAGES | UI_SCREEN_FORM, UI_SAFE, "copy the row or the command by the terminal's clipboard (OSC 52), and show it", NULL },
  { UI_ACTION_EXPORT, "e", NULL, PAGES, UI_SAFE, "write what is shown to a file of JSON in the current directory", NULL },

  { UI_ACTION_NEXT_PANE, "Tab", "field", UI_SCREEN_FORM | UI_SCREEN_DIALOG, UI_SAFE, "next field or button", NULL },
  { UI_ACTION_PREV_PANE, "S-Tab", NULL, UI_SCREEN_FORM | UI_SCREEN_DIALOG, UI_SAFE, "the one before", NULL },
  { UI_ACTION_OPEN, "Enter", "activate", UI_SCREEN_FORM | UI_SCREEN_DIALOG, UI_SAFE, "next choice of a field, or press the button", NULL },
  { UI_ACTION_OPEN, "Enter", "run", UI_SCREEN_PALETTE, UI_SAFE, "run what is selected", NULL },
  { UI_ACTION_UP, "Up k", NULL, LISTS | UI_SCREEN_RUN | UI_SCREEN_COMPARE | UI_SCREEN_HELP, UI_SAFE, "up", NULL },
  { UI_ACTION_DOWN, "Down j", NULL, LISTS | UI_SCREEN_RUN | UI_SCREEN_COMPARE | UI_SCREEN_HELP, UI_SAFE, "down", NULL },
  { UI_ACTION_UP, "Up", NULL, UI_SCREEN_PALETTE | UI_SCREEN_FORM, UI_SAFE, "up", NULL },
  { UI_ACTION_DOWN, "Down", NULL, UI_SCREEN_PALETTE | UI_SCREEN_FORM, UI_SAFE, "down", NULL },
  { UI_ACTION_LEFT, "Left", NULL, UI_SCREEN_FORM | UI_SCREEN_DIALOG, UI_SAFE, "the choice or button before", NULL },
  { UI_ACTION_RIGHT, "Right", NULL, UI_SCREEN_FORM | UI_SCREEN_DIALOG, UI_SAFE, "the next choice or button", NULL },
  { UI_ACTION_PAGE_UP, "PgUp", NULL, SCROLLS, UI_SAFE, "a page up", NULL },
  { UI_ACTION_PAGE_DOWN, "PgDn", NULL, SCROLLS, UI_SAFE, "a page down", NULL },
  { UI_ACTION_FIRST, "Home g", NULL, LISTS | UI_SCREEN_HELP, UI_SAFE, "to the first line", NULL },
  { UI_ACTION_LAST, "End G", NULL, LISTS | UI_SCREEN_HELP, UI_SAFE, "to the last line", NULL },

  { UI_ACTION_SHOW_VMS, "1", NULL, PAGES, UI_SAFE, "VMs of all hosts", "qmig vm list --all" },
  { UI_ACTION_SHOW_RUNS, "2", NULL, PAGES, UI_SAFE, "migrations that run", "qmig migration list --active" },
  { UI_ACTION_SHOW_LOG, "3", NULL, PAGES, UI_SAFE, "log of all hosts", "qmig migration events {migration}" },
  { UI_ACTION_SHOW_HISTORY, "4", NULL, PAGES, UI_SAFE, "migrations of the past", "qmig history" },
  { UI_ACTION_SHOW_HOSTS, "5", NULL, PAGES, UI_SAFE, "hosts", "qmig host list" },
  { UI_ACTION_UNITS, "u", NULL, PAGES, UI_SAFE, "rates in bytes or in bits", NULL },
  { UI_ACTION_THEME, "T", NULL, PAGES, UI_SAFE, "colours: default, light, mono, cb (for the colour-blind)", NULL },
  { UI_ACTION_FREEZE, "z", NULL, PAGES, UI_SAFE, "freeze the display; data keeps coming", NULL },
  { UI_ACTION_REDRAW, "Ctrl-L", NULL, PAGES | UI_SCREEN_FORM | UI_SCREEN_HELP, UI_SAFE, "draw the screen anew", NULL },
  { UI_ACTION_PALETTE, ": Ctrl-P", "command", PAGES, UI_SAFE, "command palette", NULL },
  { UI_ACTION_HELP, "? F1", "help", PAGES, UI_SAFE, "keys of this screen", "qmig help console" },
  { UI_ACTION_HELP, "F1", "help", UI_SCREEN_FORM, UI_SAFE, "keys of this screen", "qmig help console" },
  { UI_ACTION_BACK, "Esc", "close", UI_SCREEN_FORM | UI_SCREEN_HELP | UI_SCREEN_PALETTE | UI_SCREEN_DIALOG, UI_SAFE, "one step back; what was typed is kept", NULL },
  { UI_ACTION_BACK, "Esc", NULL, PAGES, UI_SAFE, "one step back; never leaves the program", NULL },
  { UI_ACTION_CLOSE, "q", "quit", LISTS, UI_SAFE, "close this screen; on the first one leave, migrations go on", NULL },
  { UI_ACTION_CLOSE, "q", "back", CURVES | UI_SCREEN_HELP, UI_SAFE, "close this screen", NULL },
  { UI_ACTION_QUIT, "Q", NULL, PAGES | UI_SCREEN_HELP, UI_SAFE, "leave at once; migrations go on", NULL },
};
/* clang-format on */

/* As the config file calls them, in the order of UiAction. */
static const char *const ids[] = {
  "none", "up", "down", "page-up", "page-down", "first", "last", "left", "right", "open",
  "migrate", "check", "start", "downtime", "bandwidth", "throttle", "deadline", "hold", "postcopy", "cancel",
  "recover", "undo", "stop-vm", "test-host", "play", "phase-back", "phase-on", "slower", "faster", "mark", "compare",
  "follow", "level", "samples", "filter", "find-next", "find-back", "sort", "reverse", "graph", "zoom-in",
  "zoom-out", "copy", "export", "next-pane", "prev-pane", "show-vms", "show-runs", "show-log", "show-history",
  "show-hosts", "units", "theme", "freeze", "redraw", "palette", "help", "back", "close", "quit", NULL,
};
G_STATIC_ASSERT (G_N_ELEMENTS (ids) == UI_ACTION_QUIT + 2);

/* Keys that the user wants instead; NULL: those of the table. */
static char *wanted_keys[UI_ACTION_QUIT + 1];

const UiActionInfo *
ui_actions_get_all (gsize *n)
{
  *n = G_N_ELEMENTS (actions);
  return actions;
}

gboolean
ui_actions_offers (const UiActionInfo *info, guint screen, gboolean read_only)
{
  return (info->screens & screen) != 0 && (!read_only || info->danger == UI_SAFE);
}

int
ui_key_from_name (const char *name)
{
  static const struct
  {
    const char *name;
    int key;
  } names[] = {
    { "Up", UI_KEY_UP },        { "Down", UI_KEY_DOWN },        { "Left", UI_KEY_LEFT },   { "Right", UI_KEY_RIGHT },
    { "PgUp", UI_KEY_PAGE_UP }, { "PgDn", UI_KEY_PAGE_DOWN },   { "Home", UI_KEY_HOME },   { "End", UI_KEY_END },
    { "Enter", UI_KEY_ENTER },  { "Esc", UI_KEY_ESC },          { "Tab", UI_KEY_TAB },     { "S-Tab", UI_KEY_BACK_TAB },
    { "Space", ' ' },           { "Backspace", UI_KEY_BACKSPACE }, { "Delete", UI_KEY_DELETE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    if (strcmp (names[i].name, name) == 0)
      return names[i].key;
  if (g_str_has_prefix (name, "Ctrl-") && g_ascii_isupper (name[5]) && name[6] == '\0')
    return name[5] - '@';
  if (name[0] == 'F' && g_ascii_isdigit (name[1]))
    return UI_KEY_F1 + (int) g_ascii_strtoll (name + 1, NULL, 10) - 1;
  return g_utf8_strlen (name, -1) == 1 ? (int) g_utf8_get_char (name) : 0;
}

/* Copies the next of the names at *@keys, and moves on. */
static gboolean
next_name (const char **keys, char name[16])
{
  const char *start = *keys;
  gsize length = strcspn (start, " ");

  if (length == 0)
    return FALSE;
  g_strlcpy (name, start, MIN (length + 1, 16));
  *keys = start[length] == ' ' ? start + length + 1 : start + length;
  return TRUE;
}

const char *
ui_actions_keys (const UiActionInfo *info)
{
  return wanted_keys[info->action] != NULL ? wanted_keys[info->action] : info->keys;
}

static gboolean
has_key (const UiActionInfo *info, int key)
{
  const char *keys = ui_actions_keys (info);
  char name[16];

  while (next_name (&keys, name))
    if (ui_key_from_name (name) == key)
      return TRUE;
  return FALSE;
}

UiAction
ui_actions_find (guint screen, int key, gboolean read_only)
{
  for (gsize i = 0; i < G_N_ELEMENTS (actions); i++)
    if (ui_actions_offers (&actions[i], screen, read_only) && has_key (&actions[i], key))
      return actions[i].action;
  return UI_ACTION_NONE;
}

const UiActionInfo *
ui_actions_get (guint screen, UiAction action)
{
  for (gsize i = 0; i < G_N_ELEMENTS (actions); i++)
    if (actions[i].action == action && (actions[i].screens & screen) != 0)
      return &actions[i];
  return NULL;
}

char *
ui_actions_first_key (const UiActionInfo *info)
{
  const char *keys = ui_actions_keys (info);
  char name[16] = "";

  next_name (&keys, name);
  return g_strdup (name);
}

/* The name of a key that both are on, or "". */
static void
find_shared_key (const UiActionInfo *a, const UiActionInfo *b, char name[16])
{
  const char *keys = ui_actions_keys (a);

  while (next_name (&keys, name))
    if (has_key (b, ui_key_from_name (name)))
      return;
  name[0] = '\0';
}

char *
ui_actions_find_conflict (void)
{
  char key[16];

  for (gsize i = 0; i < G_N_ELEMENTS (actions); i++)
    for (gsize j = i + 1; j < G_N_ELEMENTS (actions); j++)
      {
        if ((actions[i].screens & actions[j].screens) == 0)
          continue;
        find_shared_key (&actions[i], &actions[j], key);
        if (key[0] != '\0')
          return g_strdup_printf ("'%s' and '%s' are both on the key %s", ids[actions[i].action], ids[actions[j].action], key);
      }
  return NULL;
}

static gboolean
check_keys (const char *id, const char *keys, GError **error)
{
  char name[16];
  const char *rest = keys;

  if (keys[0] == '\0' || keys[0] == ' ')
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE, "'%s' has no key", id);
      return FALSE;
    }
  while (next_name (&rest, name))
    if (ui_key_from_name (name) == 0)
      {
        g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE,
                     "'%s' is no key for '%s': a key is one character, or Up, Down, Left, Right, PgUp, PgDn, Home, End, Enter, Esc, Tab, S-Tab, "
                     "Space, Backspace, Delete, F1 to F12, Ctrl-A to Ctrl-Z", name, id);
        return FALSE;
      }
  return TRUE;
}

gboolean
ui_actions_set_keys (const char *id, const char *keys, GError **error)
{
  g_autofree char *all = NULL;

  for (int action = UI_ACTION_NONE + 1; action <= UI_ACTION_QUIT; action++)
    {
      if (strcmp (ids[action], id) != 0)
        continue;
      if (!check_keys (id, keys, error))
        return FALSE;
      g_free (wanted_keys[action]);
      wanted_keys[action] = g_strdup (keys);
      return TRUE;
    }
  all = g_strjoinv (" ", (char **) ids + 1);
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE, "no key does '%s'; there are: %s", id, all);
  return FALSE;
}

void
ui_actions_reset_keys (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (wanted_keys); i++)
    g_clear_pointer (&wanted_keys[i], g_free);
}
