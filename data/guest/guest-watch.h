/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/*
 * The host's eye on the demo guest (qmig-guest.s).
 *
 * Such a guest needs these arguments on QEMU's command line, as guest_watch_append_arguments() gives them, and any
 * machine of the pc or q35 family:
 *
 *   -bios <the image>                           (the same on both sides of a move)
 *   -fw_cfg name=opt/qmig/guest,string=ws=64;rate=100
 *   -chardev socket,id=tick,path=<dir>/tick.sock,server=on,wait=off
 *   -device isa-serial,chardev=tick
 *
 * A full command line that serves everywhere, with no disk and no network:
 *
 *   qemu-system-x86_64 -machine q35 -accel kvm -accel tcg -cpu qemu64 -m 256 -nodefaults -no-user-config -display none
 *     (the four above) -qmp unix:<dir>/qmp.sock,server=on,wait=off
 *
 * Configuration: numbers behind words, separated by anything: ws (working set, MiB), rate (MiB/s to write, 0 idle),
 * fill (further pages that are only checked, MiB; default as ws), check (seconds for a check of all pages, 0 never).
 *
 * QEMU throws the ticks away while nobody is connected, so be connected before the guest runs there.  A QEMU socket
 * serves one client: this one.
 */

/* What separates the socket from the directory: qmig keeps the name when it starts a destination. */
#define GUEST_WATCH_SOCKET_NAME "tick.sock"

/*
 * The path of the image: $QMIG_GUEST_IMAGE, or else the one that was built together with the running program, or else
 * the installed one.  NULL with G_IO_ERROR_NOT_FOUND if there is none.
 */
char *guest_watch_find_image (GError **error);

/* Append the eight arguments (new strings) that make a QEMU run the guest.  `config` may be NULL; no commas. */
void guest_watch_append_arguments (GPtrArray *argv, const char *image, const char *config, const char *socket_path);

typedef struct _GuestWatch GuestWatch;

/* One connection to one QEMU.  Sides are numbered from 0 in the order in which they were connected. */
typedef struct
{
  const char *path;      /* lives as long as the watch */
  gboolean open;         /* QEMU still holds the connection */
  guint64 ticks;         /* 0: nothing came yet, and the next four mean nothing */
  guint64 first_seq;     /* exact as soon as `exact` is set, until then the best guess from the low 7 bits */
  guint64 last_seq;
  gint64 first_us;       /* g_get_monotonic_time() of the arrival */
  gint64 last_us;
  gboolean exact;        /* a state line has confirmed the sequence numbers of this side */
} GuestWatchSide;

/* Everything known about the guest now.  All sides together are one guest. */
typedef struct
{
  guint n_sides;           /* connections made so far */
  int side;                /* which one sent the newest tick; -1 before the first */
  guint64 ticks;           /* on all sides */
  guint64 last_seq;
  gint64 last_us;

  /* From the newest state line: up to 64 ticks old. */
  gboolean ready;          /* all pages are filled, the work has begun */
  guint64 ms;              /* heartbeats since the guest started; stands still while the guest does */
  guint64 passes;          /* over the working set */
  guint64 written_pages;   /* of 4 KiB, modulo 2^32 */
  guint64 check_rounds;    /* complete checks of all pages */
  guint64 errors;          /* pages or words that did not hold what the guest had written */
  guint64 error_address, error_expected, error_found; /* of the first error; known one line later */

  /* What the guest made of its configuration, cut to its RAM; up to 256 ticks old, all 0 before. */
  guint64 ws_mib, fill_mib, rate_mib_per_s, check_s, ram_mib;

  /* What must never happen to a guest that is moved. */
  guint64 overlap_ticks;   /* sequence numbers which two sides have ticked: both were running */
  guint64 restarts;        /* seq went back on one side: the guest was reset, or crashed into it */
  guint64 lost_ticks;      /* never seen, on no side: sent while nobody was connected, or the reader was too slow */
  guint64 bad_lines;       /* state lines with a wrong sum; a few follow a reader that was too slow */
} GuestWatchState;

/* A time between two neighbouring ticks. */
typedef struct
{
  gint64 from_us, to_us;   /* arrivals, g_get_monotonic_time() */
  gint64 from_real_us;     /* the first on g_get_real_time() */
  gint64 length_us;
  guint64 from_seq, to_seq;
  int from_side, to_side;  /* differ when the guest moved in between */
  gboolean pending;        /* no tick has ended it yet: to_us is the end of the window, to_side -1 */
  guint ticks_at_once;     /* that came with the tick which ended it: about as many as milliseconds means that the
                              reader was held up, not the guest */
} GuestWatchGap;

/* Called with the watch locked: do nothing but look. */
typedef gboolean (*GuestWatchCheck) (const GuestWatchState *state, gpointer user_data);

/* Start to watch.  A thread of its own reads, so no main loop is needed; any thread may call what follows. */
GuestWatch *guest_watch_new (void);

/* Stop to watch and close the connections.  NULL is fine. */
void guest_watch_free (GuestWatch *watch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GuestWatch, guest_watch_free)

/*
 * Watch the socket at `path`, or each socket whose path matches `pattern` (as in glob(7)).  It need not be there yet:
 * it is tried every few milliseconds, and again after its QEMU has gone.  Each connection is a side of its own.
 */
void guest_watch_add (GuestWatch *watch, const char *path);
void guest_watch_add_pattern (GuestWatch *watch, const char *pattern);

void guest_watch_get_state (GuestWatch *watch, GuestWatchState *state);

/* All sides up to now: an array of GuestWatchSide. */
GArray *guest_watch_get_sides (GuestWatch *watch);

/*
 * Find the longest time between two neighbouring ticks, on whatever sides, that touches the window from `from_us` to
 * `to_us` (g_get_monotonic_time()).  A silence that lasts counts too.  FALSE if no tick came before the window's end.
 * The last ten minutes are remembered.
 */
gboolean guest_watch_largest_gap (GuestWatch *watch, gint64 from_us, gint64 to_us, GuestWatchGap *gap);

/*
 * Wait until `check` is content, for `timeout_ms` at most.  `what` names the wish in the error, which is
 * G_IO_ERROR_TIMED_OUT and tells how far the guest came.
 */
gboolean guest_watch_wait (GuestWatch *watch,
                           GuestWatchCheck check,
                           gpointer user_data,
                           const char *what,
                           guint timeout_ms,
                           GError **error);

/* Wait until the guest has filled its memory and works. */
gboolean guest_watch_wait_ready (GuestWatch *watch, guint timeout_ms, GError **error);

/* Wait until side `side` (or any: -1) has sent `ticks` further ticks. */
gboolean guest_watch_wait_ticks (GuestWatch *watch, int side, guint64 ticks, guint timeout_ms, GError **error);

/* FALSE, with the finding in `error`, if the guest met a memory error, was reset, or ran on two sides. */
gboolean guest_watch_is_sound (GuestWatch *watch, GError **error);

G_END_DECLS
