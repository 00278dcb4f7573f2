/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A view draws the model and its own state into a grid, and turns keys into
 * requests.  It fetches nothing and waits for nothing: what it wants done it
 * asks of its UiContext, which is the program, or a test.
 */

#include "ui-actions.h"
#include "ui-grid.h"
#include "ui-model.h"

G_BEGIN_DECLS

typedef enum
{
  UI_SIZE_TOO_SMALL,
  UI_SIZE_SINGLE,  /* 60x16: one pane */
  UI_SIZE_COMPACT, /* 80x24 */
  UI_SIZE_FULL,    /* 100x30 */
} UiSize;
UiSize ui_size_of (int rows, int cols);

/* What was clicked. */
typedef enum
{
  UI_HIT_ACTION, /* value: UiAction, of the footer */
  UI_HIT_ROW,    /* value: index of a row */
  UI_HIT_FIELD,  /* value: index of a field or button */
  UI_HIT_GRAPH,  /* value: column of the chart */
} UiHitKind;

typedef struct
{
  UiGrid *grid;
  const UiModel *model;
  const UiLook *look;
  int rows;
  int cols;
  UiSize size;
} UiPaint;

typedef struct _UiView UiView;
typedef struct _UiContext UiContext;

/* What is selected, for the palette and commands; each (nullable). */
typedef struct
{
  const char *host;
  const char *vm;
  const char *migration;
} UiSubject;

typedef struct
{
  const char *name;   /* of the screen, for the state file and --screen */
  guint screen;       /* UiScreen */
  gboolean overlay;   /* what is below stays to be seen */
  int kept_lines;     /* above the footer, that a notice may not hide */
  void (*draw) (UiView *view, UiPaint *paint);
  /* FALSE: not for this view. */
  gboolean (*act) (UiView *view, UiAction action, UiContext *context);
  /* Keys before they are looked up in the table: where text is typed (nullable). */
  gboolean (*type) (UiView *view, int key, UiContext *context);
  /* A click that was not on the footer (nullable). */
  gboolean (*click) (UiView *view, const UiHit *hit, UiContext *context);
  /* Called now and then; returns when it wants to be called next, 0: whenever (nullable). */
  gint64 (*tick) (UiView *view, UiContext *context);
  /* (nullable) */
  void (*subject) (UiView *view, const UiModel *model, UiSubject *subject);
  void (*free) (UiView *view);
} UiViewClass;

struct _UiView
{
  const UiViewClass *klass;
  gboolean closed; /* wants to be taken off the stack */
};

/* @answer: NULL where @error is set; @problem: the agent's account of it (nullable) */
typedef void (*UiAnswerFunc) (UiContext *context, JsonObject *answer, const QmigProblem *problem, const GError *error, gpointer user_data);

struct _UiContext
{
  UiModel *model;
  UiLook *look;
  /* (transfer full) */
  void (*push) (UiContext *self, UiView *view);
  void (*close) (UiContext *self, UiView *view);
  /* Shows one of the five screens. */
  void (*show) (UiContext *self, guint screen);
  /* Asks @host's agent; @body is (transfer full) (nullable).  A failure is told to the user; @answered (nullable) is called with
   * @user_data, which is freed with @destroy, or never where @view (nullable) is gone by then. */
  void (*request) (UiContext *self, const char *host, const char *method, const char *path, JsonObject *body, UiView *view,
                   UiAnswerFunc answered, gpointer user_data, GDestroyNotify destroy);
  /* Has all events of a migration fetched, and those to come. */
  UiRun *(*follow) (UiContext *self, const char *host, const char *id);
  /* Does what the key of @action would on the screen below. */
  void (*act) (UiContext *self, UiAction action);
  void (*copy) (UiContext *self, const char *text);
  void (*export) (UiContext *self, const char *name, JsonNode *json); /* @json: (transfer full) */
  void (*quit) (UiContext *self);
};

void ui_view_free (UiView *view);

/* All of the screen: the views of @stack from the topmost that covers all up, and a notice.  @stack: GPtrArray of UiView, topmost last */
void ui_screen_draw (UiGrid *grid, const UiModel *model, const UiLook *look, GPtrArray *stack);

/* Where a row of a list is; kept across drawings. */
typedef struct
{
  int selected;
  int top;
} UiList;

/* Keeps the selection within @n rows and in sight of @height. */
void ui_list_fit (UiList *list, int n, int height);
/* TRUE where @action moves within a list. */
gboolean ui_list_act (UiList *list, UiAction action, int n, int page);

/* A column of a table. */
typedef struct
{
  const char *title;
  int width;      /* at least */
  int grow;       /* share of what is left over */
  int rank;       /* the highest goes first where there is no room; 0 never */
  gboolean right;
} UiColumn;

/* What each gets of @total cells, with a blank between two; 0: not shown. */
void ui_table_fit (const UiColumn *columns, int n, int total, int *widths);
/* @sorted: the column that rows are sorted by, or -1 */
void ui_table_head (UiPaint *paint, int y, const UiColumn *columns, int n, const int *widths, int sorted, gboolean reverse);
void ui_table_put (UiPaint *paint, int y, const UiColumn *columns, const int *widths, int column, guint style, const char *text);
/* The mark in front of a row, and the place to click. */
void ui_table_mark (UiPaint *paint, int y, int row, gboolean selected, gboolean marked);

/* A line that is typed into. */
typedef struct
{
  GString *text;
  gsize cursor; /* byte */
} UiEdit;

void ui_edit_init (UiEdit *edit, const char *text);
void ui_edit_clear (UiEdit *edit);
void ui_edit_set (UiEdit *edit, const char *text);
gboolean ui_edit_type (UiEdit *edit, int key);
/* Draws it in a field, and sets the terminal's cursor where it has the @focus. */
void ui_edit_draw (const UiEdit *edit, UiGrid *grid, int y, int x, int width, gboolean focus);

/* -- what screens have in common ---------------------------------------------------- */

/* The first line: who we are, @middle, the clock.  (transfer none) */
void ui_paint_title (UiPaint *paint, const char *left, const char *right);
/* "── NAME ─── hint ─" */
void ui_paint_rule (UiPaint *paint, int y, const char *name, const char *hint);
/* The last line, from the table of actions; @note in front of the keys (nullable). */
void ui_paint_footer (UiPaint *paint, guint screen, const char *note);
/* Lines between the title and the footer. */
int ui_paint_body_height (const UiPaint *paint);
/* A frame with a heading in the middle of the screen; what is below it is blotted out.  Sets *@y and *@x to the first cell within. */
void ui_paint_box (UiPaint *paint, int height, int width, const char *heading, int *y, int *x);
/* @stop: value of its hit; @on: it can be pressed.  Returns where the next may begin. */
int ui_paint_button (UiPaint *paint, int y, int x, int stop, const char *text, gboolean on, gboolean focus);
/* Draws what can be shown on a terminal that is too small. */
void ui_paint_too_small (UiPaint *paint);

/* -- the views -------------------------------------------------------------------------- */

UiView *ui_vms_new (void);
UiView *ui_runs_new (void);
UiView *ui_log_new (void);
UiView *ui_history_new (void);
UiView *ui_hosts_new (void);
/* The migration while it runs. */
UiView *ui_migration_new (const char *host, const char *id);
/* A past one again, from its start. */
UiView *ui_replay_new (const char *host, const char *id);
UiView *ui_compare_new (const char *host_a, const char *id_a, const char *host_b, const char *id_b);
/* The dialog to move a VM; @check_only: it starts nothing */
UiView *ui_form_new (const UiHost *host, const QmigVm *vm, gboolean check_only);
/* The dialog to move several to one host; they are added to it. */
UiView *ui_batch_new (const UiModel *model);
void ui_batch_add (UiView *batch, const UiHost *host, const QmigVm *vm);
/* Keys of @screen. */
UiView *ui_help_new (guint screen);
/* Commands of @screen, and where else one can go. */
UiView *ui_palette_new (guint screen, const UiSubject *subject);

/* Asks the agent for one of its actions: "hold", "go", … */
void ui_migration_post (UiContext *context, const char *host, const char *id, const char *name);
/* Ask whether a migration is to be rolled back, settled, or changed over to post-copy, and do it. */
void ui_migration_ask_cancel (UiContext *context, const QmigMigrationInfo *info, const char *host);
void ui_migration_ask_recover (UiContext *context, const QmigMigrationInfo *info, const char *host);
void ui_migration_ask_postcopy (UiContext *context, const QmigMigrationInfo *info, const char *host);

typedef void (*UiConfirmedFunc) (UiContext *context, gpointer user_data);

/**
 * ui_confirm_new:
 * @heading: what would be done
 * @text: what will be true afterwards, one paragraph a line
 * @typed: what has to be typed; NULL: a yes is enough
 * @yes: word on the button
 * @confirmed: called at most once; @user_data is freed with @destroy in any case
 *
 * The safe choice has the focus.
 */
UiView *ui_confirm_new (const char      *heading,
                        const char      *text,
                        const char      *typed,
                        const char      *yes,
                        UiConfirmedFunc  confirmed,
                        gpointer         user_data,
                        GDestroyNotify   destroy);

/* The knob of a running migration, to be edited. */
UiView *ui_tune_new (UiRun *run, UiKnob knob);

/* Sends the knob's value to the agent and shows it as sending. */
void ui_tune_send (UiContext *context, UiRun *run, UiKnob knob, gint64 value);
/* Reads what was typed.  @error says what is expected. */
gboolean ui_tune_parse (UiKnob knob, const char *text, gint64 *value, GError **error);
char *ui_tune_value_text (UiKnob knob, gint64 value, gboolean bits);

G_END_DECLS
