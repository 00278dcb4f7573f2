/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the files of the command line share: one option of it, the state of one rewrite, and the table of rules. */

#include "qmig-cmdline.h"
#include "qmig-keyval.h"

G_BEGIN_DECLS

typedef struct
{
  const char *option; /* as given: "-qmp", "--qmp"; NULL for the bare disk image */
  const char *name;   /* without dashes; "" for the bare disk image */
  const char *value;  /* (nullable) */
} QmigOption;

typedef struct _QmigRewrite QmigRewrite;

typedef void (*QmigRule) (QmigRewrite *r, const QmigOption *o);

typedef enum
{
  QMIG_ARITY_FLAG,
  QMIG_ARITY_VALUE,
} QmigArity;

typedef enum
{
  QMIG_MANY,   /* adds up */
  QMIG_SINGLE, /* given by --target-arg, it takes the place of the source's */
} QmigMultiplicity;

typedef struct
{
  const char *name;
  QmigArity arity;
  QmigMultiplicity multiplicity;
  const char *id_key;  /* (nullable) key of its id: --target-arg with the same id replaces it */
  const char *implied; /* (nullable) key of its first word */
  QmigRule rule;       /* NULL: keep */
} QmigOptionRule;

/* NULL for an option this table does not know. */
const QmigOptionRule *qmig_option_rule_find (const char *name);

/* GPtrArray of QmigOption that point into @argv, which starts with the binary. */
GPtrArray *qmig_options_parse (const char *const *argv);
/* "-netdev net0", or NULL when nothing tells this option from others of its kind.  (transfer full) */
char *qmig_option_identity (const QmigOption *o);
/* "-netdev net0", "-qmp", "the disk image".  (transfer full) */
char *qmig_option_describe (const QmigOption *o);

struct _QmigRewrite
{
  const QmigCmdlineTarget *target;
  const char *cwd;      /* what relative paths refer to; NULL when that is not known any more */
  GPtrArray *argv;
  GPtrArray *notes;
  GPtrArray *warnings;
  GPtrArray *refusals;
  GHashTable *names;    /* basenames taken in the run directory */
  GPtrArray *extra;     /* QmigOption: the user's --target-arg not placed yet */
  GHashTable *replaced; /* identities the user's arguments give */
  gboolean machine_is_typed; /* some -machine of the source names a type */
  gboolean machine_pinned;
  gboolean named;
};

void qmig_rewrite_keep (QmigRewrite *r, const QmigOption *o);
void qmig_rewrite_emit (QmigRewrite *r, const QmigOption *o, const char *value);
/* The pairs as they are now; verbatim when nothing changed. */
void qmig_rewrite_emit_keyval (QmigRewrite *r, const QmigOption *o, const QmigKeyval *kv);
void qmig_rewrite_note (QmigRewrite *r, const char *format, ...) G_GNUC_PRINTF (2, 3);
void qmig_rewrite_warn (QmigRewrite *r, const char *format, ...) G_GNUC_PRINTF (2, 3);
void qmig_rewrite_refuse (QmigRewrite *r, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* Whether --target-arg gives "-KIND ID" anew. */
gboolean qmig_rewrite_is_replaced (QmigRewrite *r, const char *kind, const char *id);

/* The place of @path in the run directory, noted; basenames stay and are made unique.  (transfer full) */
char *qmig_rewrite_move_file (QmigRewrite *r, const char *what, const char *path);
/* The same for a unix socket: refused when the name gets too long. */
char *qmig_rewrite_move_socket (QmigRewrite *r, const char *what, const char *path);
/* Makes @path absolute; NULL when it is already, or is no path.  (transfer full) */
char *qmig_rewrite_absolute (QmigRewrite *r, const char *what, const char *path);

/* A legacy character device ("unix:PATH,server=on", "mon:stdio"): the socket it listens on, (transfer full) (nullable). */
char *qmig_chardev_listen_path (const char *device);

/* Rules: qmig-cmdline-rules.c */
void qmig_rule_drop (QmigRewrite *r, const QmigOption *o);
void qmig_rule_silent_drop (QmigRewrite *r, const QmigOption *o);
void qmig_rule_refuse (QmigRewrite *r, const QmigOption *o);
void qmig_rule_warn (QmigRewrite *r, const QmigOption *o);
void qmig_rule_machine (QmigRewrite *r, const QmigOption *o);
void qmig_rule_cpu (QmigRewrite *r, const QmigOption *o);
void qmig_rule_name (QmigRewrite *r, const QmigOption *o);
void qmig_rule_move_file (QmigRewrite *r, const QmigOption *o);
void qmig_rule_path (QmigRewrite *r, const QmigOption *o);
void qmig_rule_path_list (QmigRewrite *r, const QmigOption *o);
void qmig_rule_data_dir (QmigRewrite *r, const QmigOption *o);
void qmig_rule_data_file (QmigRewrite *r, const QmigOption *o);
void qmig_rule_keyval_paths (QmigRewrite *r, const QmigOption *o);
void qmig_rule_disk (QmigRewrite *r, const QmigOption *o);
void qmig_rule_device (QmigRewrite *r, const QmigOption *o);
void qmig_rule_object (QmigRewrite *r, const QmigOption *o);
void qmig_rule_trace (QmigRewrite *r, const QmigOption *o);
void qmig_rule_audiodev (QmigRewrite *r, const QmigOption *o);
void qmig_rule_run_with (QmigRewrite *r, const QmigOption *o);
void qmig_rule_icount (QmigRewrite *r, const QmigOption *o);

/* Rules for what two processes cannot share: qmig-cmdline-endpoints.c */
void qmig_rule_chardev (QmigRewrite *r, const QmigOption *o);
void qmig_rule_legacy_chardev (QmigRewrite *r, const QmigOption *o);
void qmig_rule_mon (QmigRewrite *r, const QmigOption *o);
void qmig_rule_gdb (QmigRewrite *r, const QmigOption *o);
void qmig_rule_vnc (QmigRewrite *r, const QmigOption *o);
void qmig_rule_spice (QmigRewrite *r, const QmigOption *o);
void qmig_rule_display (QmigRewrite *r, const QmigOption *o);
void qmig_rule_netdev (QmigRewrite *r, const QmigOption *o);
void qmig_rule_nographic (QmigRewrite *r, const QmigOption *o);

G_END_DECLS
