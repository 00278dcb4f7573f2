/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest-ledger.h"

#include <string.h>

#define SEQ_MASK 0x7f
#define SEQ_CYCLE 128
#define LINE_BYTES 128
#define WORDS_MAX 8

/* A first tick up to so many behind the newest one of another side is an overlap, not a cycle ahead. */
#define OVERLAP_MAX 32

/* Ticks to remember: ten minutes. */
#define HISTORY_MAX (600 * 1000)

/* A stretch of ascending numbers on one side: the side itself, but for guests that restart. */
typedef struct
{
  guint side;
  guint64 epoch;      /* restarts before it: only numbers of one epoch can be compared */
  guint64 first_seq;
  guint64 last_seq;
  guint64 ticks;
  gboolean exact;
  guint64 line_seq;   /* as of the newest state line */
  guint64 line_ticks;
} Run;

typedef struct
{
  char *path;
  gboolean open;
  guint64 ticks;
  gint64 first_us;
  gint64 last_us;
  int run;            /* the current one; -1 before the first tick */
  int first_run;
  char line[LINE_BYTES];
  gsize line_length;
  gboolean synced;    /* a line has ended: from here on, a broken one counts */
} Side;

typedef struct
{
  gint64 us;
  guint32 step;       /* seq, as a distance from the first one of the run: that one may still be corrected */
  guint16 run;
  guint16 at_once;
} Tick;

struct _GuestLedger
{
  GPtrArray *sides;
  GArray *runs;
  GArray *history;    /* a ring once it is full */
  guint history_head;
  GuestWatchState state;
};

static void
side_free (gpointer data)
{
  Side *side = data;

  g_free (side->path);
  g_free (side);
}

GuestLedger *
guest_ledger_new (void)
{
  GuestLedger *self = g_new0 (GuestLedger, 1);

  self->sides = g_ptr_array_new_with_free_func (side_free);
  self->runs = g_array_new (FALSE, TRUE, sizeof (Run));
  self->history = g_array_new (FALSE, FALSE, sizeof (Tick));
  self->state.side = -1;

  return self;
}

void
guest_ledger_free (GuestLedger *self)
{
  g_ptr_array_unref (self->sides);
  g_array_unref (self->runs);
  g_array_unref (self->history);
  g_free (self);
}

static Side *
get_side (GuestLedger *self, guint side)
{
  return g_ptr_array_index (self->sides, side);
}

static Run *
get_run (GuestLedger *self, guint run)
{
  return &g_array_index (self->runs, Run, run);
}

guint
guest_ledger_open_side (GuestLedger *self, const char *path)
{
  Side *side = g_new0 (Side, 1);

  side->path = g_strdup (path);
  side->open = TRUE;
  side->run = side->first_run = -1;
  g_ptr_array_add (self->sides, side);
  self->state.n_sides = self->sides->len;

  return self->sides->len - 1;
}

void
guest_ledger_close_side (GuestLedger *self, guint side)
{
  get_side (self, side)->open = FALSE;
}

static void
remember (GuestLedger *self, const Tick *tick)
{
  if (self->history->len < HISTORY_MAX)
    {
      g_array_append_val (self->history, *tick);
      return;
    }

  g_array_index (self->history, Tick, self->history_head) = *tick;
  self->history_head = (self->history_head + 1) % HISTORY_MAX;
}

/* `age` 0 is the oldest. */
static const Tick *
recall (GuestLedger *self, guint age)
{
  return &g_array_index (self->history, Tick, (self->history_head + age) % self->history->len);
}

/* A new side goes on where the newest tick was, or a little before if the old side went on too. */
static guint64
guess_first_seq (GuestLedger *self, guint low)
{
  guint64 next = self->state.last_seq + 1;
  guint64 origin = next > OVERLAP_MAX ? next - OVERLAP_MAX : 0;

  if (self->state.ticks == 0)
    return low;

  return origin + ((low - origin) & SEQ_MASK);
}

static int
begin_run (GuestLedger *self, guint side_number, guint64 first_seq)
{
  Side *side = get_side (self, side_number);
  Run run = { .side = side_number, .epoch = self->state.restarts, .first_seq = first_seq, .last_seq = first_seq };

  g_array_append_val (self->runs, run);
  side->run = (int) self->runs->len - 1;
  if (side->first_run < 0)
    side->first_run = side->run;

  return side->run;
}

static void
take_tick (GuestLedger *self, guint side_number, guint low, guint at_once, gint64 now_us)
{
  Side *side = get_side (self, side_number);
  Run *run;
  Tick tick;

  if (side->run < 0)
    {
      run = get_run (self, begin_run (self, side_number, guess_first_seq (self, low)));
      side->first_us = now_us;
    }
  else
    {
      run = get_run (self, side->run);
      run->last_seq += 1 + ((low - run->last_seq - 1) & SEQ_MASK);
    }

  run->ticks++;
  side->ticks++;
  side->last_us = now_us;
  self->state.ticks++;
  self->state.side = (int) side_number;
  self->state.last_seq = run->last_seq;
  self->state.last_us = now_us;

  tick = (Tick) { now_us, (guint32) (run->last_seq - run->first_seq), (guint16) side->run, (guint16) at_once };
  remember (self, &tick);
}

/* The ticks since the last state line were counted to the old run, for want of better knowledge: it gives them back. */
static Run *
restart_run (GuestLedger *self, guint side, guint64 seq)
{
  Run *old = get_run (self, get_side (self, side)->run);
  Run *run;

  old->last_seq = old->line_seq;
  old->ticks = old->line_ticks;
  self->state.restarts++;
  run = get_run (self, begin_run (self, side, 1));
  run->ticks = seq;

  return run;
}

/* A state line says which number the newest tick of its side had. */
static void
confirm_seq (GuestLedger *self, guint side_number, guint64 seq)
{
  Side *side = get_side (self, side_number);
  Run *run;

  if (side->run < 0)
    return;

  run = get_run (self, side->run);
  if (!run->exact)
    run->first_seq = seq - (run->last_seq - run->first_seq);
  else if (seq < run->last_seq)
    run = restart_run (self, side_number, seq);

  run->last_seq = seq;
  run->exact = TRUE;
  run->line_seq = seq;
  run->line_ticks = run->ticks;
  if (self->state.side == (int) side_number)
    self->state.last_seq = seq;
}

static void
take_words (GuestLedger *self, guint side, char letter, const guint64 *words, guint n_words)
{
  GuestWatchState *state = &self->state;

  if (letter == 'S' && n_words == 7)
    {
      confirm_seq (self, side, words[0]);
      state->ms = words[1];
      state->passes = words[2];
      state->written_pages = words[3];
      state->errors = words[4];
      state->check_rounds = words[5];
      state->ready = words[6] != 0;
    }
  else if (letter == 'C' && n_words == 5)
    {
      state->ws_mib = words[0];
      state->fill_mib = words[1];
      state->rate_mib_per_s = words[2];
      state->check_s = words[3];
      state->ram_mib = words[4];
    }
  else if (letter == 'E' && n_words == 3)
    {
      state->error_address = words[0];
      state->error_expected = words[1];
      state->error_found = words[2];
    }
}

/* `line` is "L hhhhhhhh ... ss" without its newline. */
static gboolean
take_line (GuestLedger *self, guint side, const char *line, gsize length)
{
  guint64 words[WORDS_MAX];
  guint n_words = 0;
  guint8 sum = 0;
  gsize i;

  if (length < 4 || (length - 4) % 9 != 0 || (length - 4) / 9 > WORDS_MAX)
    return FALSE;

  for (i = 0; i < length - 2; i++)
    sum += (guint8) line[i];
  if (g_ascii_strtoull (line + length - 2, NULL, 16) != sum)
    return FALSE;

  for (i = 2; i + 9 <= length - 2; i += 9)
    words[n_words++] = g_ascii_strtoull (line + i, NULL, 16);
  take_words (self, side, line[0], words, n_words);

  return TRUE;
}

static void
take_text (GuestLedger *self, guint side_number, char c)
{
  Side *side = get_side (self, side_number);

  if (c != '\n')
    {
      if (side->line_length < LINE_BYTES - 1)
        side->line[side->line_length++] = c;
      return;
    }

  side->line[side->line_length] = '\0';
  if (!take_line (self, side_number, side->line, side->line_length) && side->synced)
    self->state.bad_lines++;
  side->line_length = 0;
  side->synced = TRUE;
}

void
guest_ledger_feed (GuestLedger *self, guint side, const guint8 *bytes, gsize n_bytes, gint64 now_us)
{
  guint at_once = 0;
  gsize i;

  for (i = 0; i < n_bytes; i++)
    at_once += bytes[i] >> 7;

  for (i = 0; i < n_bytes; i++)
    {
      if (bytes[i] > SEQ_MASK)
        take_tick (self, side, bytes[i] & SEQ_MASK, at_once, now_us);
      else
        take_text (self, side, (char) bytes[i]);
    }
}

static int
compare_runs (gconstpointer a, gconstpointer b)
{
  const Run *x = a, *y = b;

  if (x->epoch != y->epoch)
    return x->epoch < y->epoch ? -1 : 1;
  if (x->first_seq != y->first_seq)
    return x->first_seq < y->first_seq ? -1 : 1;
  return 0;
}

/* Numbers ticked by two runs, and numbers ticked by none.  Only what happened can be told from intervals, so there is no
 * need to have looked at every pair of ticks in its order. */
static void
compare_sides (GuestLedger *self, GuestWatchState *state)
{
  g_autoptr(GArray) runs = g_array_copy (self->runs);
  guint64 covered = 0;

  g_array_sort (runs, compare_runs);
  state->overlap_ticks = state->lost_ticks = 0;
  for (guint i = 0; i < runs->len; i++)
    {
      const Run *run = &g_array_index (runs, Run, i);
      guint64 span = run->last_seq - run->first_seq + 1;
      gboolean follows = i > 0 && g_array_index (runs, Run, i - 1).epoch == run->epoch;

      state->lost_ticks += span > run->ticks ? span - run->ticks : 0;
      if (follows && run->first_seq <= covered)
        state->overlap_ticks += MIN (covered, run->last_seq) - run->first_seq + 1;
      else if (follows)
        state->lost_ticks += run->first_seq - covered - 1;
      covered = follows ? MAX (covered, run->last_seq) : run->last_seq;
    }
}

void
guest_ledger_get_state (GuestLedger *self, GuestWatchState *state)
{
  *state = self->state;
  compare_sides (self, state);
}

GArray *
guest_ledger_get_sides (GuestLedger *self)
{
  GArray *sides = g_array_new (FALSE, TRUE, sizeof (GuestWatchSide));

  for (guint i = 0; i < self->sides->len; i++)
    {
      const Side *side = get_side (self, i);
      GuestWatchSide value = { .path = side->path, .open = side->open, .ticks = side->ticks,
                               .first_us = side->first_us, .last_us = side->last_us };

      if (side->run >= 0)
        {
          value.first_seq = get_run (self, side->first_run)->first_seq;
          value.last_seq = get_run (self, side->run)->last_seq;
          value.exact = get_run (self, side->run)->exact;
        }
      g_array_append_val (sides, value);
    }

  return sides;
}

static void
fill_gap (GuestLedger *self, GuestWatchGap *gap, const Tick *from, const Tick *to, gint64 end_us)
{
  const Run *run = get_run (self, from->run);

  *gap = (GuestWatchGap) { .from_us = from->us, .to_us = end_us, .length_us = end_us - from->us,
                           .from_seq = run->first_seq + from->step, .from_side = (int) run->side,
                           .to_side = -1, .pending = TRUE };
  if (to != NULL)
    {
      run = get_run (self, to->run);
      gap->to_seq = run->first_seq + to->step;
      gap->to_side = (int) run->side;
      gap->ticks_at_once = to->at_once;
      gap->pending = FALSE;
    }
}

gboolean
guest_ledger_largest_gap (GuestLedger *self,
                          gint64 from_us,
                          gint64 to_us,
                          gint64 now_us,
                          gint64 now_real_us,
                          GuestWatchGap *gap)
{
  const Tick *best = NULL, *best_end = NULL;
  gint64 best_us = -1;
  guint n = self->history->len;

  to_us = MIN (to_us, now_us);
  for (guint i = 0; i < n; i++)
    {
      const Tick *tick = recall (self, i);
      const Tick *next = i + 1 < n ? recall (self, i + 1) : NULL;
      gint64 end_us = next != NULL ? next->us : to_us;

      if (tick->us > to_us)
        break;
      if (end_us < from_us || end_us - tick->us <= best_us)
        continue;
      best = tick;
      best_end = next;
      best_us = end_us - tick->us;
    }
  if (best == NULL)
    return FALSE;

  fill_gap (self, gap, best, best_end, best->us + best_us);
  gap->from_real_us = gap->from_us + (now_real_us - now_us);
  return TRUE;
}
