/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A way to break a move before it starts, as data, and the two hosts on which it is tried. */

#include "rig.h"

G_BEGIN_DECLS

/* What a way needs to be made here; where that is missing it is skipped. */
typedef enum
{
  SCENE_NEEDS_NOTHING = 0,
  SCENE_NEEDS_ROOT = 1 << 0,   /* beta has mounts of its own */
  SCENE_NEEDS_KVM = 1 << 1,
  SCENE_NEEDS_TCG10 = 1 << 2,  /* the source is QEMU 10 under TCG */
  SCENE_NEEDS_TCG7 = 1 << 3,   /* the source is the system's QEMU under TCG, before 9.0 */
  SCENE_NEEDS_BEFORE_8 = 1 << 4, /* the source is a QEMU before 8.1 */
} SceneNeeds;

/* What comes of a move that is forced past the check. */
typedef enum
{
  SCENE_FORCED_FAILS,     /* the check was right: the VM stays where it is, and as it was */
  SCENE_CANNOT_BE_FORCED, /* the check says why */
  SCENE_NOT_FORCED,       /* it warns only, or the outcome is the kernel's mood */
} SceneForced;

/* In all texts "$D" is the directory of the rig, "$N" another name for the VM, "$P" a port that somebody listens on, "$V" its VNC display,
 * "$Q" the port behind it, taken likewise, and "$R" one that was free a moment ago. */
typedef struct
{
  const char *name;
  guint needs;            /* SceneNeeds */
  const char *files;      /* (nullable) shell, before anything is started */
  const char *mounts;     /* (nullable) shell, in beta's own mounts */
  const char *guest;      /* (nullable) more arguments of the VM's QEMU, by spaces */
  const char *commands[3]; /* (nullable) QMP, after its start: "command {arguments}" */
  const char *wait_for;   /* (nullable) run state after them */
  const char *args;       /* (nullable) of check and migrate, by spaces */
  const char *id;
  QmigCheckStatus status;
  SceneForced forced;
  gboolean sample;        /* also in the ordinary suite */
  guint memory_mib;       /* of the guest; 0: as usual */
  guint limit_mib;        /* of the address space of beta's agent; 0: none */
  gboolean other_vm;      /* one of the same name runs there */
} Way;

extern const Way ways[];

/* Beta's kernel says another boot id: it is another machine. */
#define OTHER_MACHINE "echo 0b8f0c3e-other-machine >$D/boot-id; mount --bind $D/boot-id /proc/sys/kernel/random/boot_id"

typedef struct _Scene Scene;

/* NULL after g_test_skip(). */
Scene *scene_new (const Way *way);
void scene_free (Scene *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Scene, scene_free)

/* `qmig check` of it, with the time it took.  (transfer full) */
QmigPlan *scene_check (Scene *self, int *exit_code, gint64 *elapsed_ms);
/* `qmig migrate`, forced past check @id. */
RigRun *scene_force (Scene *self, const char *id);
/* Run state of the VM on alpha.  (transfer full) */
char *scene_run_state (Scene *self);
void scene_assert_only_source (Scene *self);

G_END_DECLS
