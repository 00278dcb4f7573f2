/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The one table of what keys do: dispatch, footer, help and palette all read it. */

#include <glib.h>

G_BEGIN_DECLS

/* A bit each; where a key works. */
typedef enum
{
  UI_SCREEN_VMS = 1 << 0,
  UI_SCREEN_RUNS = 1 << 1,
  UI_SCREEN_LOG = 1 << 2,
  UI_SCREEN_HISTORY = 1 << 3,
  UI_SCREEN_HOSTS = 1 << 4,
  UI_SCREEN_RUN = 1 << 5,
  UI_SCREEN_REPLAY = 1 << 6,
  UI_SCREEN_COMPARE = 1 << 7,
  UI_SCREEN_FORM = 1 << 8,
  UI_SCREEN_HELP = 1 << 9,
  UI_SCREEN_PALETTE = 1 << 10,
  UI_SCREEN_DIALOG = 1 << 11,
} UiScreen;

/* Keys beyond Unicode. */
enum
{
  UI_KEY_BASE = 0x200000,
  UI_KEY_UP,
  UI_KEY_DOWN,
  UI_KEY_LEFT,
  UI_KEY_RIGHT,
  UI_KEY_PAGE_UP,
  UI_KEY_PAGE_DOWN,
  UI_KEY_HOME,
  UI_KEY_END,
  UI_KEY_ENTER,
  UI_KEY_ESC,
  UI_KEY_TAB,
  UI_KEY_BACK_TAB,
  UI_KEY_BACKSPACE,
  UI_KEY_DELETE,
  UI_KEY_F1,
  UI_KEY_F12 = UI_KEY_F1 + 11,
};

typedef enum
{
  UI_SAFE,         /* changes nothing but the view */
  UI_REVERSIBLE,   /* done at once, can be undone */
  UI_STOPS_WORK,   /* asks first */
  UI_IRREVERSIBLE, /* wants a name typed */
} UiDanger;

typedef enum
{
  UI_ACTION_NONE,
  UI_ACTION_UP,
  UI_ACTION_DOWN,
  UI_ACTION_PAGE_UP,
  UI_ACTION_PAGE_DOWN,
  UI_ACTION_FIRST,
  UI_ACTION_LAST,
  UI_ACTION_LEFT,
  UI_ACTION_RIGHT,
  UI_ACTION_OPEN,
  UI_ACTION_MIGRATE,
  UI_ACTION_CHECK,
  UI_ACTION_START,
  UI_ACTION_DOWNTIME,
  UI_ACTION_BANDWIDTH,
  UI_ACTION_THROTTLE,
  UI_ACTION_DEADLINE,
  UI_ACTION_HOLD,
  UI_ACTION_POSTCOPY,
  UI_ACTION_CANCEL,
  UI_ACTION_RECOVER,
  UI_ACTION_UNDO,
  UI_ACTION_STOP_VM,
  UI_ACTION_TEST_HOST,
  UI_ACTION_PLAY,
  UI_ACTION_PHASE_BACK,
  UI_ACTION_PHASE_ON,
  UI_ACTION_SLOWER,
  UI_ACTION_FASTER,
  UI_ACTION_MARK,
  UI_ACTION_COMPARE,
  UI_ACTION_FOLLOW,
  UI_ACTION_LEVEL,
  UI_ACTION_SAMPLES,
  UI_ACTION_FILTER,
  UI_ACTION_FIND_NEXT,
  UI_ACTION_FIND_BACK,
  UI_ACTION_SORT,
  UI_ACTION_REVERSE,
  UI_ACTION_GRAPH,
  UI_ACTION_ZOOM_IN,
  UI_ACTION_ZOOM_OUT,
  UI_ACTION_COPY,
  UI_ACTION_EXPORT,
  UI_ACTION_NEXT_PANE,
  UI_ACTION_PREV_PANE,
  UI_ACTION_SHOW_VMS,
  UI_ACTION_SHOW_RUNS,
  UI_ACTION_SHOW_LOG,
  UI_ACTION_SHOW_HISTORY,
  UI_ACTION_SHOW_HOSTS,
  UI_ACTION_UNITS,
  UI_ACTION_THEME,
  UI_ACTION_FREEZE,
  UI_ACTION_REDRAW,
  UI_ACTION_PALETTE,
  UI_ACTION_HELP,
  UI_ACTION_BACK,
  UI_ACTION_CLOSE,
  UI_ACTION_QUIT,
} UiAction;

typedef struct
{
  UiAction action;
  const char *keys;    /* "Up k": names, the one to show first */
  const char *label;   /* of the footer; NULL: not there */
  guint screens;       /* UiScreen bits */
  UiDanger danger;
  const char *help;    /* what it does, one line */
  const char *command; /* what does the same on the command line: {migration}, {vm} and {host} stand for what is selected (nullable) */
} UiActionInfo;

/* All of them; *@n how many. */
const UiActionInfo *ui_actions_get_all (gsize *n);

/* The action of a key on a screen; UI_ACTION_NONE for none.  @read_only: what changes anything is not there */
UiAction ui_actions_find (guint screen, int key, gboolean read_only);
const UiActionInfo *ui_actions_get (guint screen, UiAction action);
gboolean ui_actions_offers (const UiActionInfo *info, guint screen, gboolean read_only);

/* "Up", "Enter", "F5", "Ctrl-L", "x"; 0 where @name is no key. */
int ui_key_from_name (const char *name);
/* The first of its names.  (transfer full) */
char *ui_actions_first_key (const UiActionInfo *info);

/* Its names of keys, as they are now. */
const char *ui_actions_keys (const UiActionInfo *info);
/* Puts the action that is called @id on @keys, names with a blank between, instead of those of the table, on all its screens. */
gboolean ui_actions_set_keys (const char *id, const char *keys, GError **error);
void ui_actions_reset_keys (void);

/* Two actions on one key of one screen: (transfer full) (nullable), a sentence naming them. */
char *ui_actions_find_conflict (void);

G_END_DECLS
