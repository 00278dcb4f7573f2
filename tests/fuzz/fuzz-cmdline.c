/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A command line of whatever process calls itself QEMU, one argument a line:
 * read, and rewritten into one that waits for a migration, or refused.
 */

#include "qmig-cmdline.h"

#include <stdint.h>
#include <string.h>

#define BINARY "/usr/bin/qemu-system-x86_64"
#define RUN_DIR "/run/qmig/vm/m-FUZZ"
#define MONITOR RUN_DIR "/qmig.qmp"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

/* Whatever it was: the new one waits for a migration, does not run by itself, and can be spoken to. */
static void
check (const QmigCmdlineResult *result)
{
  g_autoptr(QmigCmdlineInfo) info = qmig_cmdline_inspect ((const char *const *) result->argv, "/");
  g_autoptr(QmigCmdlineInfo) before = NULL;
  guint n = g_strv_length (result->argv);

  g_assert_cmpstr (result->argv[0], ==, BINARY);
  if (result->refusals[0] != NULL)
    return;
  g_assert_cmpuint (n, >, 3);
  g_assert_cmpstr (result->argv[n - 3], ==, "-S");
  g_assert_cmpstr (result->argv[n - 2], ==, "-incoming");
  g_assert_cmpstr (result->argv[n - 1], ==, "defer");
  g_assert_true (info->incoming);
  g_assert_cmpstr (info->qmig_qmp_path, ==, MONITOR);

  g_clear_pointer (&result->argv[n - 2], g_free);
  before = qmig_cmdline_inspect ((const char *const *) result->argv, "/");
  g_free (result->argv[n - 1]);
  g_assert_false (before->incoming);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree char *text = g_strndup ((const char *) data, size);
  g_autofree char *lines = g_strconcat (BINARY, "\n", text, NULL);
  g_auto(GStrv) argv = g_strsplit (lines, "\n", -1);
  const char *const *arguments = (const char *const *) argv;
  QmigCmdlineTarget target = { .cwd = "/srv", .machine = "pc-q35-7.2", .binary = BINARY, .run_dir = RUN_DIR, .monitor_path = MONITOR };

  for (int same = 0; same < 2; same++)
    {
      g_autoptr(QmigCmdlineInfo) info = qmig_cmdline_inspect (arguments, "/srv");
      g_autoptr(QmigCmdlineResult) result = NULL;

      target.same_machine = same;
      target.new_name = same ? "other" : NULL;
      result = qmig_cmdline_derive (arguments, &target);
      check (result);
    }
  (void) !qmig_cmdline_names_file (arguments, "/srv", "disk.qcow2");
  return 0;
}
