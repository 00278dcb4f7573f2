/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Somebody outside who is connected to the Linux guest, three times: one connection is silent, one asks and waits for
 * the answer again and again, one listens to numbers that come each millisecond.  A thread of its own does it.
 */

#include "place.h"

G_BEGIN_DECLS

typedef struct _Talk Talk;

typedef struct
{
  guint64 numbers;       /* that came */
  guint64 wrong_numbers; /* not the one after the last */
  guint64 answers;       /* that came back as they were sent */
  guint64 wrong_answers;
  char *broken;          /* what ended one of the connections; NULL while all of them live */
  gint64 gap_us;         /* longest silence between numbers since talk_mark() */
  gint64 answer_us;      /* longest that an answer took since then */
} TalkState;

/* Connects; waits until the guest is there. */
Talk *talk_new (const Place *place, const char *address);
void talk_free (Talk *talk);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Talk, talk_free)

/* Measures the longest anew. */
void talk_mark (Talk *talk);
/* Waits until so many more numbers and one more answer came, at most for @patience_ms. */
gboolean talk_wait (Talk *talk, guint numbers, guint patience_ms);
/* @state's text is the caller's. */
void talk_get_state (Talk *talk, TalkState *state);
/* All three are asked, the silent one for the first time. */
void talk_assert_alive (Talk *talk);

G_END_DECLS
