/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The commit protocol of a migration: two agents, two QEMUs, a link that loses
 * requests and answers and brings some late, crashes, a lease, and an operator
 * who is asked at last.  Checked exhaustively by spin for every order of at
 * most FAULTS faults:
 *
 *   never_two   at no moment does the VM run on both sides
 *   never_back  once it ran on the destination, the source's older state runs again only by the operator's word
 *   to_one      it always comes to rest with the VM running on exactly one side, unless the one QEMU that had it was killed
 *
 * vocabulary.h is written by the program itself (model-vocabulary.c): the names
 * of its steps and of the destination's phases, and with qmig_recover_decide()
 * what it does with each state that it can find after a crash.  So the model
 * cannot recover by another rule than the program, and does not compile when a
 * step changes its name.
 *
 * Not in it: post-copy, rehearsals, a VM that was paused before, and other hands at the
 * monitors.  Time is not in it either: whatever a timer may end, may end at any
 * moment at which the program would still wait.
 */

#include "vocabulary.h"

#ifndef FAULTS
#define FAULTS 3
#endif

/* Rules broken on purpose, to see that the model notices (test-model.c). */
#ifdef LOADED_IS_ENOUGH
#define handed_over true
#else
#define handed_over (src == src_done || src == src_gone)
#endif
#ifdef LEASE_LOOKS_ONLY
#define breaks_off false
#else
#define breaks_off true
#endif
#ifdef LEASE_ENDS_ALL
#define lease_ends(p) (p != phase_committed)
#else
#define lease_ends(p) (!has_vm (p))
#endif
#ifdef DOUBT_IS_FORGOTTEN
#define doubted false
#else
#define doubted doubt
#endif

/* -- what is -------------------------------------------------------------------- */

byte src = src_running; /* source QEMU, as the vocabulary has it */
byte dst = phase_gone;  /* destination QEMU */
bool sent;              /* all of the VM is on its way, the device state included */
bool acked;             /* the return path has said that it was loaded */
bool cut;               /* the stream was cut: nothing more comes through */

bool link = true;       /* between the agents */
bool b_up = true;
bool b_busy;            /* agent B attends to one thing at a time */

/* In the journals. */
byte step = step_check;
bool going_back;
bool intent;
bool reserved;

/* Of agent A, gone with it. */
bool doubt;
byte answer;
byte phase;             /* as B told it last */
bool gone_for_sure;     /* the destination's end was proven, or its host is silent and it never got the word to run */
bool not_back;

bool crash;             /* agent A is to die now */
byte late;              /* an act that A has given up, still under way to B */
byte assume = assume_none;
byte outcome = outcome_none;

byte faults = FAULTS;
bool lost;              /* killed was the QEMU that had the VM: the source until the destination has loaded all, and whenever it goes back */

bool ran_there;         /* on the destination, at any time */
bool told_source;       /* the operator took the source's state, knowing that */

#define src_runs (src == src_running || src == src_active || src == src_back)
#define dst_runs (dst == phase_committed)
#define has_vm(p) (p == phase_loaded || p == phase_committed)
#define broken (cut || dst == phase_gone)
#define settled (outcome == outcome_completed || outcome == outcome_rolled_back)

/* -- the two QEMUs ---------------------------------------------------------------- */

active proctype source_qemu ()
{
end:
  do
  :: atomic { src == src_active && !broken -> src = src_gate }
  :: atomic { src == src_active && broken -> src = src_back }
  :: atomic { src == src_device && !broken && !sent -> sent = true }
  :: atomic { src == src_device && acked && !cut -> src = src_done }
  :: atomic { src == src_device && broken -> src = src_back } /* it continues the guest by itself */
  od
}

active proctype destination_qemu ()
{
end:
  do
  :: atomic { dst == phase_listening && sent && !acked && !cut -> acked = true } /* may come before it is loaded */
  :: atomic { dst == phase_listening && sent -> dst = phase_loaded }
  :: atomic { dst == phase_loaded && !acked && !cut -> acked = true }
  :: atomic { dst == phase_listening && cut && !sent -> dst = phase_gone }
  :: atomic { dst == phase_listening && sent && faults > 0 -> faults--; dst = phase_gone } /* it cannot load this */
  od
}

/* -- agent B: its acts, each one command at the destination ------------------------- */

inline b_prepare ()
{
  if
  :: dst == phase_gone && !reserved && !sent -> reserved = true; dst = phase_listening; answer = answer_ok
  :: dst != phase_gone && reserved -> answer = answer_ok
  :: else -> answer = answer_refused
  fi
}

inline b_commit ()
{
  if
  :: !reserved -> answer = answer_attention
  :: reserved && has_vm (dst) -> dst = phase_committed; ran_there = true; answer = answer_ok
  :: else -> answer = answer_refused
  fi
}

inline b_abort ()
{
  if
  :: dst == phase_committed -> answer = answer_refused
  :: else -> dst = phase_gone; reserved = false; answer = answer_ok
  fi
}

inline b_release ()
{
  if
  :: !reserved || has_vm (dst) || dst == phase_gone -> reserved = false; answer = answer_ok
  :: else -> answer = answer_refused
  fi
}

inline b_act (act)
{
  if
  :: act == act_prepare -> b_prepare ()
  :: act == act_commit -> b_commit ()
  :: act == act_abort -> b_abort ()
  :: act == act_release -> b_release ()
  :: act == act_query -> answer = answer_ok
  fi;
  phase = dst
}

/* From A: answered, or silence, with the act done, still to come, or lost. */
inline ask (act)
{
  if
  :: atomic { link && b_up && !b_busy -> b_act (act) }
  :: atomic { link && b_up && !b_busy && faults > 0 -> faults--; b_act (act); answer = answer_silent }
  :: atomic { link && faults > 0 && late == act_none -> faults--; late = act; answer = answer_silent }
  :: atomic { (!link || !b_up) -> answer = answer_silent }
  fi
}

active proctype agent_b ()
{
  byte seen, kept_answer, kept_phase;

end:
  do
  :: atomic { late != act_none && b_up && !b_busy -> kept_answer = answer; kept_phase = phase; b_act (late); late = act_none;
              answer = kept_answer; phase = kept_phase; kept_answer = 0; kept_phase = 0 }
  /* The lease ends, whatever the reason of A's silence.  The stream is broken off first, so that what is seen then stays so. */
  :: atomic { reserved && b_up && !b_busy && faults > 0 -> faults--; b_busy = true; cut = cut || breaks_off };
     atomic { (dst != phase_listening || !sent || !breaks_off) -> seen = dst };
     atomic {
       if
       :: lease_ends (seen) -> dst = phase_gone; reserved = false
       :: else
       fi;
       b_busy = false; seen = 0
     }
  od
}

/* -- faults, and what mends them ------------------------------------------------------ */

active proctype nature ()
{
end:
  do
  :: atomic { faults > 0 && link -> faults--; link = false; cut = (src == src_running -> false : true) }
  :: atomic { faults > 0 && b_up && !b_busy -> faults--; b_up = false }
  :: atomic { faults > 0 && src != src_gone -> faults--; lost = lost || src_runs || going_back || !has_vm (dst); src = src_gone }
  :: atomic { faults > 0 && dst != phase_gone -> faults--; lost = lost || dst_runs || (src == src_gone && has_vm (dst)); dst = phase_gone }
  :: atomic { faults > 0 && !crash && !settled -> faults--; crash = true }
  :: atomic { !link -> link = true }
  :: atomic { !b_up -> b_up = true }
  od
}

/* -- agent A ---------------------------------------------------------------------------- */

#define forget answer = 0; phase = 0
/* It looks at both hosts from here, and sees the destination only where it can. */
#define sees (link && b_up)

/* Before the intent its end is wanted, but not needed; after it nothing less than proof will do, or a person's word. */
inline end_destination ()
{
  atomic {
    ask (act_abort);
    if
    :: answer == answer_ok || (answer == answer_silent && (!intent || assume == assume_source)) -> forget; gone_for_sure = true
    :: else -> forget; goto attention
    fi
  }
}

active proctype agent_a ()
{
  byte decision;

  {
    step = step_prepare;
    atomic {
      ask (act_prepare);
      if
      :: answer == answer_ok -> forget
      :: else -> forget; goto back
      fi
    };
    step = step_tune;
    step = step_precopy;
    atomic {
      if
      :: src == src_running -> src = src_active
      :: else -> goto back
      fi
    };

await_gate:
    if
    :: src == src_gate || src == src_device || src == src_done
    :: src == src_back || src == src_gone -> goto back
    :: atomic { faults > 0 -> faults--; goto back } /* somebody cancels, or a deadline ends */
    :: sees && dst == phase_gone -> goto back
    fi;
    step = step_switchover;
    if
    :: atomic {
         src == src_gate -> ask (act_query);
         if
         :: answer == answer_ok && phase != phase_gone -> forget
         :: else -> forget; goto back
         fi
       };
       atomic {
         if
         :: src == src_gate -> src = src_device
         :: else
         fi
       }
    :: src != src_gate
    fi;

await_end:
    if
    :: handed_over && sees && has_vm (dst)
    :: src_runs -> goto back
    :: sees && dst == phase_gone -> goto back
    :: !sees || src == src_gone -> goto back /* waited for long enough */
    fi;
    atomic { step = step_commit; intent = true };

tell:
    if
    :: !doubt && !handed_over -> goto back
    :: else
    fi;
    do
    :: atomic {
         ask (act_commit);
         if
         :: answer == answer_ok -> forget; goto release
         :: answer == answer_refused && !doubted -> forget; goto back
         :: answer == answer_attention || (answer == answer_refused && doubted) -> forget; goto attention
         :: answer == answer_silent ->
            forget; doubt = true;
            if
            :: true
            :: goto attention /* asked for long enough */
            fi
         fi
       }
    od;

release:
    step = step_release;
    src = src_gone;
    atomic {
      ask (act_release);
      forget; outcome = outcome_completed; goto over
    };

back:
    going_back = true;
    do
    :: src == src_gone -> not_back = true; break
    :: src == src_running || src == src_back -> break
    :: atomic { src == src_active || src == src_gate -> src = src_back }
    :: (src == src_device || src == src_done) && !gone_for_sure -> end_destination ()
    :: atomic { (src == src_device || src == src_done) && gone_for_sure -> src = src_back }
    od;
    if
    :: atomic {
         not_back -> ask (act_query); /* without the source it may be all there is */
         if
         :: answer == answer_silent || has_vm (phase) -> forget; goto attention
         :: else -> forget
         fi
       }
    :: !not_back
    fi;
    atomic {
      ask (act_abort);
      if
      :: answer == answer_refused -> forget; goto attention
      :: else -> forget; outcome = outcome_rolled_back; goto over
      fi
    };

recover:
    atomic {
      ask (act_query);
      doubt = intent;
      c_code { Pagent_a->decision = recovery[now.step][now.going_back][now.intent][now.src][now.answer == answer_silent ? N_PHASES : now.phase][now.assume]; };
      forget;
      if
      :: decision == decision_roll_back -> decision = 0; goto back
      :: decision == decision_attention -> decision = 0; goto attention
      :: decision == step_precopy -> decision = 0; going_back = false; goto await_gate
      :: decision == step_switchover -> decision = 0; going_back = false; step = step_switchover; goto await_end
      :: decision == step_commit -> decision = 0; going_back = false; step = step_commit; intent = true; goto tell
      :: decision == step_release -> decision = 0; going_back = false; goto release
      fi
    };

attention:
    outcome = outcome_attention;
    /* Somebody looks, mends what can be mended, and says no more than what is so. */
    atomic {
      sees && !b_busy && late == act_none;
      doubt = false; gone_for_sure = false; not_back = false;
      if
      :: dst == phase_gone -> assume = assume_source; told_source = true
      :: dst == phase_committed || (src == src_gone && has_vm (dst)) -> assume = assume_destination
      :: else ->
         if
         :: assume = assume_none
         :: assume = assume_source; told_source = true
         fi
      fi;
      if
      :: src == src_gone && !has_vm (dst) -> outcome = outcome_rolled_back; goto over
      :: else -> outcome = outcome_none; goto recover
      fi
    };

over:
    do
    :: settled
    od
  }
  unless
  {
    /* What is left of it is the journal. */
    atomic { crash && !settled -> crash = false; doubt = false; gone_for_sure = false; not_back = false; assume = assume_none; outcome = outcome_none; goto recover }
  }
}

ltl never_two { [] !(src_runs && dst_runs) }
ltl never_back { [] !(src_runs && ran_there && !told_source) }
ltl to_one { <> [] (settled && (src_runs || dst_runs || lost)) }
