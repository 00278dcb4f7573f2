/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the console knows: hosts, their VMs, migrations and past, as they were
 * last heard, each with its age.  Fetching fills it, drawing reads it; it does
 * nothing by itself.  All *_us without "mono" are wall clock.
 */

#include "ui-run.h"

G_BEGIN_DECLS

typedef enum
{
  UI_LINK_CONNECTING, /* asked for the first time, no answer yet */
  UI_LINK_LIVE,
  UI_LINK_SLOW,       /* the answer that is due takes long */
  UI_LINK_SILENT,     /* … very long */
  UI_LINK_RETRY,      /* it failed, and is tried again */
  UI_LINK_REFUSED,    /* it answers, and will not have us */
} UiLinkState;
extern const char *const ui_link_state_names[];

typedef struct
{
  char *name;
  char *uri;
  char **labels;          /* (nullable) */
  gboolean own;           /* the agent that the console was started on */
  UiLinkState link;
  char *problem;          /* why it failed last (nullable) */
  gint64 heard_mono_us;   /* of its last answer; 0: never */
  gint64 asked_mono_us;   /* since when an answer is due; 0: none is */
  gint64 retry_mono_us;
  gint64 rtt_us;
  QmigHostInfo *info;     /* (nullable) */
  gint64 info_mono_us;    /* when it came: its time_us is of then */
  GPtrArray *vms;         /* QmigVm (nullable) */
  gint64 vms_mono_us;
  GPtrArray *active;      /* QmigMigrationInfo (nullable) */
  GPtrArray *tests;       /* QmigCheck of the last test (nullable) */
  gboolean testing;
} UiHost;

/* A migration that has ended. */
typedef struct
{
  char *host; /* whose agent has it */
  QmigMigrationInfo *info;
} UiPast;

typedef struct
{
  GPtrArray *hosts;     /* UiHost, in the order they are shown */
  GPtrArray *runs;      /* UiRun that are followed or were looked at */
  GPtrArray *past;      /* UiPast, newest first */
  GPtrArray *log;       /* UiEvent, by time: of all runs and hosts, and of the console itself */
  gint64 now_us;
  gint64 mono_us;
  guint revision;       /* grows with each change of rows */
  char *notice;         /* a word to the user (nullable) */
  UiRole notice_role;
  gint64 notice_mono_us; /* gone after that */
  gboolean frozen;
} UiModel;

UiModel *ui_model_new (void);
void ui_model_free (UiModel *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (UiModel, ui_model_free)

UiHost *ui_model_find_host (const UiModel *self, const char *name);
/* Adds it where there is none of that name. */
UiHost *ui_model_add_host (UiModel *self, const char *name, const char *uri, gboolean own);
/* What the host at @name, which may be a URI, is called here.  (transfer none) */
const char *ui_model_host_name (const UiModel *self, const char *name);
/* Where @info goes, likewise.  (transfer none) */
const char *ui_model_destination_name (const UiModel *self, const QmigMigrationInfo *info);
gboolean ui_host_has_label (const UiHost *host, const char *label);
/* By what the times say now. */
UiLinkState ui_host_link (const UiModel *self, const UiHost *host);
/* "live", "slow 1.2 s", "retry in 8 s": (transfer full) */
char *ui_host_link_text (const UiModel *self, const UiHost *host);
/* Whether what is shown of the host is old: it is then dim and carries its age. */
gboolean ui_host_is_stale (const UiModel *self, const UiHost *host);

void ui_host_take_vms (UiModel *self, UiHost *host, GPtrArray *vms);
void ui_host_take_active (UiModel *self, UiHost *host, GPtrArray *active);
void ui_host_take_info (UiModel *self, UiHost *host, QmigHostInfo *info);
/* @past: QmigMigrationInfo of one host: replaces what is known of it. */
void ui_model_take_past (UiModel *self, const char *host, GPtrArray *past);

UiRun *ui_model_find_run (const UiModel *self, const char *id);
/* The active migration of that id, or NULL; *host whose agent has it. */
const QmigMigrationInfo *ui_model_find_active (const UiModel *self, const char *id, const UiHost **host);
const UiPast *ui_model_find_past (const UiModel *self, const char *id);
guint ui_model_count_active (const UiModel *self);

/* Puts a copy of the line into the log, at its time. */
void ui_model_log (UiModel *self, const UiEvent *event);
void ui_model_say (UiModel *self, UiRole role, const char *format, ...) G_GNUC_PRINTF (3, 4);

void ui_host_free (UiHost *host);

G_END_DECLS
