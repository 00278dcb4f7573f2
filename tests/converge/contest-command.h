/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The command that moves the guest, from outside: its limit, and what it and the daemons behind it cost. */

#include "contest.h"

G_BEGIN_DECLS

/*
 * Interrupts the command when its time is over, as a person would: no deadline, which an engine would reckon with.
 * It is not to be waited for by anybody else but between begin and end.
 */
typedef struct
{
  GThread *thread;
  GMutex lock;
  GCond ended;
  gboolean over;       /* the command has ended */
  GPid pid;
  int process;         /* pidfd */
  gint64 limit_us;
  gint64 asked_us;     /* when it was interrupted; 0: never */
  double memory_mib;   /* the most that was seen */
  double children_ms;  /* CPU time of those that were waited for before */
} ContestCommand;

void contest_command_begin (ContestCommand *command, GPid pid, gint64 limit_ms);
/* After the command was waited for.  Sets what it used, and how long it took to give up if it had to. */
void contest_command_end (ContestCommand *command, ContestFigures *figures);

/* Around the move: adds what the managers used meanwhile to what the command did. */
void contest_usage_before (Contest *contest);
void contest_usage_after (Contest *contest);

G_END_DECLS
