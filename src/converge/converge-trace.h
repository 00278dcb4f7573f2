/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A recorded migration in a file of its own: qmig.trace/1.
 *
 * One JSON object a line.  The first line is a ConvergeTraceHead: what the
 * engine knew before the start.  Each further line is an event as of
 * `qmig migration events -o jsonl`, in their order: `sample`, `decision`,
 * `knob` and `result`; others are passed over.  Lines end with '\n', and the
 * last one may lack it.
 *
 * A trace may come from anywhere: it is read strictly, within limits.
 */

#include "converge-engine.h"

G_BEGIN_DECLS

#define CONVERGE_TRACE_SCHEMA "qmig.trace/1"
#define CONVERGE_TRACE_MAX_BYTES (64u * 1024 * 1024)
#define CONVERGE_TRACE_MAX_LINE (64u * 1024)
#define CONVERGE_TRACE_MAX_LINES 200000u

/* ConvergeMeans as a value. */
typedef struct
{
  gint64 overhead_ms;
  gint64 send_bytes_per_s;
  gint64 dirty_bytes_per_s;
  gint64 working_set_bytes;
  gboolean can_throttle;
  gboolean can_postcopy;
  gboolean has_switchover_bandwidth;
} ConvergeTraceMeans;
API_DECLARE_VALUE (ConvergeTraceMeans, converge_trace_means)

ConvergeTraceMeans *converge_trace_means_new_from (const ConvergeMeans *means);
/* @self: (nullable): nothing is known then */
void converge_trace_means_get (const ConvergeTraceMeans *self, ConvergeMeans *means);

typedef struct
{
  char *schema;              /* CONVERGE_TRACE_SCHEMA */
  char *migration;
  char *vm;
  char *source;
  char *destination;
  char *started;
  gint64 memory_bytes;       /* all that QEMU migrates: RAM, video memory, ROM */
  QmigPolicy *policy;        /* as it held (nullable): of a move before there were policies */
  ConvergeTraceMeans *means; /* (nullable) */
} ConvergeTraceHead;
API_DECLARE_VALUE (ConvergeTraceHead, converge_trace_head)

/* One look, and what was decided on it. */
typedef struct
{
  QmigSample *sample;
  GPtrArray *decisions;      /* QmigDecision, mostly one (nullable) */
} ConvergeTraceLook;

typedef struct
{
  ConvergeTraceHead *head;
  GPtrArray *start;          /* QmigDecision before the first sample (nullable) */
  GPtrArray *looks;          /* ConvergeTraceLook */
  gboolean tuned;            /* a person turned a knob meanwhile */
  QmigResult *result;        /* (nullable) it was not over yet */
} ConvergeTrace;

/* @error: QMIG_EXIT_USAGE, with the number of the line.  (transfer full) */
ConvergeTrace *converge_trace_read (const char *text, gsize length, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void converge_trace_free (ConvergeTrace *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ConvergeTrace, converge_trace_free)

/* An event belongs into a trace. */
gboolean converge_trace_takes (const QmigEvent *event);

G_END_DECLS
