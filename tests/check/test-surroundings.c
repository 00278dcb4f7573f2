/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The checks of hosts and surroundings that no test can break for real, and what is read of control groups and command lines. */

#include <glib/gstdio.h>
#include <string.h>

#include "qmig-needs.h"
#include "qmig-plan-surroundings.h"
#include "qmig-surroundings.h"

#define GIB (G_GINT64_CONSTANT (1) << 30)
#define NOW_S G_GINT64_CONSTANT (1800000000)

typedef struct
{
  QmigSourceFacts source;
  QmigFacts *destination;
  QmigPlan *plan;
} Facts;

static QmigSurroundings *
calm (void)
{
  QmigSurroundings *host = qmig_surroundings_new ();

  host->processors = 4;
  host->load = 0.5;
  host->other_moves = 0;
  host->free_ports = 64;
  host->cpu_vendor = g_strdup ("AuthenticAMD");
  host->cpu_model = g_strdup ("EPYC");
  host->cpu_flags = g_strsplit ("fpu sse avx", " ", -1);
  host->certificates_start_s = NOW_S - 1000;
  host->certificates_end_s = NOW_S + 30 * 24 * 3600;
  return host;
}

static void
facts_init (Facts *f)
{
  memset (f, 0, sizeof *f);
  f->source.argv = g_strsplit ("qemu-system-x86_64 -cpu host", " ", -1);
  f->source.kvm = TRUE;
  f->source.version = 100000;
  f->source.memory_bytes = GIB;
  f->source.run_state = QMP_RUN_STATE_RUNNING;
  f->source.asked_us = NOW_S * G_USEC_PER_SEC;
  f->source.answered_us = f->source.asked_us + 1000;
  f->source.surroundings = calm ();
  f->destination = qmig_facts_new ();
  f->destination->host = qmig_host_info_new ();
  f->destination->host->time_us = f->source.asked_us;
  f->destination->surroundings = calm ();
  f->plan = qmig_plan_new ();
  f->plan->checks = g_ptr_array_new_with_free_func ((GDestroyNotify) qmig_check_free);
  f->plan->source = g_strdup ("alpha");
  f->plan->destination = g_strdup ("beta");
  f->plan->transport = g_strdup ("tls");
  f->plan->port = 49152;
  f->plan->port_last = 49215;
}

static void
facts_clear (Facts *f)
{
  g_strfreev (f->source.argv);
  qmig_surroundings_free (f->source.surroundings);
  qmig_facts_free (f->destination);
  qmig_plan_free (f->plan);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Facts, facts_clear)

static int
worst_status (const QmigPlan *plan, const char *id)
{
  int worst = -1;

  for (guint i = 0; i < plan->checks->len; i++)
    {
      const QmigCheck *check = g_ptr_array_index (plan->checks, i);

      if (g_str_equal (check->id, id))
        worst = MAX (worst, (int) check->status);
    }
  return worst;
}

static void nothing (Facts *f) { }
static void busy_here (Facts *f) { f->source.surroundings->load = 9; }
static void busy_there (Facts *f) { f->destination->surroundings->load = 9; }
static void others_here (Facts *f) { f->source.surroundings->other_moves = 1; }
static void others_there (Facts *f) { f->destination->surroundings->other_moves = 2; }
static void fast_clock (Facts *f) { f->destination->host->time_us += 5 * G_USEC_PER_SEC; }
static void slow_clock (Facts *f) { f->destination->host->time_us -= 5 * G_USEC_PER_SEC; }
static void near_clock (Facts *f) { f->destination->host->time_us += G_USEC_PER_SEC / 2; }
static void expired_there (Facts *f) { f->destination->surroundings->certificates_end_s = NOW_S - 1; }
static void expired_here (Facts *f) { f->source.surroundings->certificates_end_s = NOW_S - 1; }
static void not_yet_there (Facts *f) { f->destination->surroundings->certificates_start_s = NOW_S + 100; }
static void ends_soon (Facts *f) { f->destination->surroundings->certificates_end_s = NOW_S + 3600; }
static void no_port (Facts *f) { f->destination->surroundings->free_ports = 0; }
static void no_run_dir (Facts *f) { f->destination->surroundings->run_dir_problem = g_strdup ("full"); }
static void other_flags (Facts *f) { g_strfreev (f->destination->surroundings->cpu_flags); f->destination->surroundings->cpu_flags = g_strsplit ("fpu sse", " ", -1); }
static void more_flags (Facts *f) { g_strfreev (f->destination->surroundings->cpu_flags); f->destination->surroundings->cpu_flags = g_strsplit ("fpu sse avx avx2", " ", -1); }
static void other_vendor (Facts *f) { g_free (f->destination->surroundings->cpu_vendor); f->destination->surroundings->cpu_vendor = g_strdup ("GenuineIntel"); }
static void other_model (Facts *f) { g_free (f->destination->surroundings->cpu_model); f->destination->surroundings->cpu_model = g_strdup ("EPYC 2"); }
static void strict_limit (Facts *f) { f->destination->surroundings->memory_limit_bytes = GIB / 2; f->destination->surroundings->memory_limit = g_strdup ("memory.max"); }
static void wide_limit (Facts *f) { f->destination->surroundings->memory_limit_bytes = 2 * GIB; f->destination->surroundings->memory_limit = g_strdup ("memory.max"); }
static void old_and_paused (Facts *f) { f->source.version = 70222; f->source.run_state = QMP_RUN_STATE_PAUSED; }

static void
old_with_postcopy (Facts *f)
{
  f->source.version = 90200;
  f->plan->policy = qmig_policy_new ();
  f->plan->policy->allow_postcopy = TRUE;
}

static void
arrived_and_paused (Facts *f)
{
  f->source.version = 90200;
  f->source.run_state = QMP_RUN_STATE_PAUSED;
  g_strfreev (f->source.argv);
  f->source.argv = g_strsplit ("qemu-system-x86_64 -incoming defer", " ", -1);
  f->source.files = g_ptr_array_new ();
  g_ptr_array_add (f->source.files, f);
}

typedef struct
{
  const char *name;
  void (*break_it) (Facts *f);
  const char *id;
  QmigCheckStatus status;
} Row;

static const Row rows[] = {
  { "load/calm", nothing, "host-load", QMIG_CHECK_OK },
  { "load/here", busy_here, "host-load", QMIG_CHECK_WARN },
  { "load/there", busy_there, "host-load", QMIG_CHECK_WARN },
  { "moves/none", nothing, "other-moves", QMIG_CHECK_OK },
  { "moves/here", others_here, "other-moves", QMIG_CHECK_WARN },
  { "moves/there", others_there, "other-moves", QMIG_CHECK_WARN },
  { "clock/same", nothing, "clock", QMIG_CHECK_OK },
  { "clock/near", near_clock, "clock", QMIG_CHECK_OK },
  { "clock/fast", fast_clock, "clock", QMIG_CHECK_WARN },
  { "clock/slow", slow_clock, "clock", QMIG_CHECK_WARN },
  { "certificates/good", nothing, "certificates", QMIG_CHECK_OK },
  { "certificates/expired-there", expired_there, "certificates", QMIG_CHECK_FAIL },
  { "certificates/expired-here", expired_here, "certificates", QMIG_CHECK_FAIL },
  { "certificates/not-yet", not_yet_there, "certificates", QMIG_CHECK_FAIL },
  { "certificates/soon", ends_soon, "certificates", QMIG_CHECK_WARN },
  { "port/free", nothing, "port", QMIG_CHECK_OK },
  { "port/taken", no_port, "port", QMIG_CHECK_FAIL },
  { "run-dir/good", nothing, "run-dir", QMIG_CHECK_OK },
  { "run-dir/full", no_run_dir, "run-dir", QMIG_CHECK_FAIL },
  { "cpu/same", nothing, "host-cpu", QMIG_CHECK_OK },
  { "cpu/vendor", other_vendor, "host-cpu", QMIG_CHECK_FAIL },
  { "cpu/model", other_model, "host-cpu", QMIG_CHECK_WARN },
  { "cpu/fewer", other_flags, "host-cpu", QMIG_CHECK_FAIL },
  { "cpu/more", more_flags, "host-cpu", QMIG_CHECK_OK },
  { "limit/none", nothing, "memory-limit", QMIG_CHECK_OK },
  { "limit/strict", strict_limit, "memory-limit", QMIG_CHECK_FAIL },
  { "limit/wide", wide_limit, "memory-limit", QMIG_CHECK_OK },
  { "bug/none", nothing, "known-bug", QMIG_CHECK_OK },
  { "bug/paused", old_and_paused, "known-bug", QMIG_CHECK_WARN },
  { "bug/arrived", arrived_and_paused, "known-bug", QMIG_CHECK_WARN },
  { "bug/postcopy", old_with_postcopy, "known-bug", QMIG_CHECK_WARN },
};

static void
test_row (gconstpointer data)
{
  const Row *row = data;
  g_auto(Facts) f = { 0 };

  facts_init (&f);
  row->break_it (&f);
  qmig_plan_judge_surroundings (f.plan, &f.source, f.destination);
  g_assert_cmpint (worst_status (f.plan, row->id), ==, row->status);
  g_clear_pointer (&f.source.files, g_ptr_array_unref);
}

static void
test_forecast (void)
{
  g_auto(Facts) f = { 0 };

  facts_init (&f);
  qmig_plan_judge_forecast (f.plan);
  g_assert_cmpint (worst_status (f.plan, "forecast"), ==, -1);
  f.plan->forecast = qmig_forecast_new ();
  f.plan->forecast->text = g_strdup ("writes more than is sent");
  f.plan->forecast->verdict = QMIG_VERDICT_CONVERGING;
  qmig_plan_judge_forecast (f.plan);
  g_assert_cmpint (worst_status (f.plan, "forecast"), ==, QMIG_CHECK_OK);
  f.plan->forecast->verdict = QMIG_VERDICT_DIVERGING;
  qmig_plan_judge_forecast (f.plan);
  g_assert_cmpint (worst_status (f.plan, "forecast"), ==, QMIG_CHECK_WARN);
}

/* -- control groups ------------------------------------------------------------------ */

static void
write_file (const char *dir, const char *name, const char *text)
{
  g_autofree char *path = g_build_filename (dir, name, NULL);

  g_assert_no_errno (g_mkdir_with_parents (dir, 0700));
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
}

static void
test_cgroups (void)
{
  g_autofree char *root = g_dir_make_tmp ("qmig-cgroupXXXXXX", NULL);
  g_autofree char *slice = g_build_filename (root, "user.slice", NULL);
  g_autofree char *scope = g_build_filename (slice, "agent.scope", NULL);
  g_autofree char *first = g_build_filename (root, "memory", "box", NULL);
  g_autofree char *which = NULL;
  const char *argv[] = { "rm", "-rf", "--", root, NULL };

  write_file (scope, "memory.max", "max\n");
  write_file (scope, "memory.current", "100\n");
  g_assert_cmpint (qmig_surroundings_cgroup_bytes ("0::/user.slice/agent.scope\n", root, &which), ==, QMIG_UNSET);
  g_assert_null (which);
  /* The tightest counts, wherever it is set, less what is used of it. */
  write_file (slice, "memory.max", "5000\n");
  write_file (slice, "memory.current", "1000\n");
  g_assert_cmpint (qmig_surroundings_cgroup_bytes ("0::/user.slice/agent.scope\n", root, &which), ==, 4000);
  g_assert_true (g_str_has_suffix (which, "user.slice/memory.max"));
  write_file (scope, "memory.max", "300\n");
  g_assert_cmpint (qmig_surroundings_cgroup_bytes ("0::/user.slice/agent.scope\n", root, &which), ==, 200);
  write_file (first, "memory.limit_in_bytes", "700\n");
  write_file (first, "memory.usage_in_bytes", "900\n");
  g_assert_cmpint (qmig_surroundings_cgroup_bytes ("4:memory:/box\n0::/\n", root, &which), ==, 0);
  write_file (first, "memory.limit_in_bytes", "9223372036854771712\n");
  g_clear_pointer (&which, g_free);
  g_assert_cmpint (qmig_surroundings_cgroup_bytes ("4:memory:/box\n0::/\n", root, &which), ==, QMIG_UNSET);
  g_assert_true (g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL));
}

/* -- command lines --------------------------------------------------------------------- */

/* "kind name", one a line */
static char *
needs_text (const char *line, const char *const *extra)
{
  g_auto(GStrv) argv = g_strsplit (line, " ", -1);
  g_autoptr(GPtrArray) needs = qmig_needs_of ((const char *const *) argv, "/srv", extra, GIB);
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < needs->len; i++)
    {
      const QmigNeed *need = g_ptr_array_index (needs, i);

      g_string_append_printf (text, "%s%s %s%s", i > 0 ? "; " : "", need->kind, need->name, need->own ? "" : " (new)");
    }
  return g_string_free (text, FALSE);
}

static void
test_needs (void)
{
  static const struct { const char *line, *needs; } lines[] = {
    { "qemu -m 1G -qmp unix:/run/x.qmp,server=on", "" },
    { "qemu -netdev bridge,id=n", "bridge br0" },
    { "qemu -netdev tap,id=n,ifname=tap3,script=/etc/up,downscript=no", "tap tap3; program /etc/up" },
    { "qemu -nic user,hostfwd=tcp::2222-:22,hostfwd=udp:127.0.0.1:53-:53", "tcp-port :2222; udp-port 127.0.0.1:53" },
    { "qemu -chardev socket,id=c,path=peer.sock", "socket /srv/peer.sock" },
    { "qemu -chardev socket,id=c,host=127.0.0.1,port=4000,server=on", "tcp-port 127.0.0.1:4000" },
    { "qemu -object memory-backend-file,id=m,size=1G,mem-path=/dev/hugepages", "memory /dev/hugepages" },
    { "qemu -object memory-backend-memfd,id=m,size=1G,hugetlb=on", "huge-pages 2097152" },
    { "qemu -kernel vmlinuz -append quiet", "file /srv/vmlinuz" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (lines); i++)
    {
      g_autofree char *text = needs_text (lines[i].line, NULL);

      g_assert_cmpstr (text, ==, lines[i].needs);
    }
}

static void
test_needs_of_extra (void)
{
  const char *extra[] = { "-vnc", "127.0.0.1:3", NULL };
  g_autofree char *text = needs_text ("qemu -kernel /boot/vmlinuz", extra);

  g_assert_cmpstr (text, ==, "file /boot/vmlinuz; tcp-port 127.0.0.1:5903 (new)");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *path = g_strdup_printf ("/surroundings/%s", rows[i].name);

      g_test_add_data_func (path, &rows[i], test_row);
    }
  g_test_add_func ("/surroundings/forecast", test_forecast);
  g_test_add_func ("/surroundings/cgroups", test_cgroups);
  g_test_add_func ("/surroundings/needs", test_needs);
  g_test_add_func ("/surroundings/needs-of-extra", test_needs_of_extra);
  return g_test_run ();
}
