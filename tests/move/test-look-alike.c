/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The same path on two hosts, which is the same image, or is not.  The second
 * host's agent and its QEMUs see the file system through mounts of their own;
 * that takes root.
 */

#include "rig.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB (1024 * 1024)

typedef struct
{
  Rig *rig;
  char *dir;    /* of the image … */
  char *disk;
  char *beside; /* … and of what beta may see in its place */
  GPid keeper;  /* of beta's mounts */
  Place place;
} Fixture;

static char *
make_image (const char *dir, char content)
{
  char *path = g_build_filename (dir, "disk.raw", NULL);
  g_autofree char *bytes = g_malloc (MIB);

  g_assert_cmpint (mkdir (dir, 0700), ==, 0);
  memset (bytes, content, MIB);
  g_assert_true (g_file_set_contents (path, bytes, MIB, NULL));
  return path;
}

static void
set_up (Fixture *f, const char *mounts_format)
{
  g_autofree char *mounts = NULL, *drive = NULL, *image = NULL;

  f->dir = g_build_filename (f->rig->dir, "images", NULL);
  f->beside = g_build_filename (f->rig->dir, "beside", NULL);
  f->disk = make_image (f->dir, 'a');
  image = make_image (f->beside, 'b');
  mounts = g_strdup_printf (mounts_format, f->dir, f->beside);
  place_with_mounts (&f->place, mounts, &f->keeper);
  f->rig->beta.place = &f->place;
  rig_start_agent (f->rig, &f->rig->alpha, NULL);
  rig_start_agent (f->rig, &f->rig->beta, NULL);
  drive = g_strdup_printf ("file=%s,format=raw,if=virtio", f->disk);
  rig_start_stopped_guest (f->rig, (const char *const[]) { "-drive", drive, NULL });
}

static void
tear_down (Fixture *f)
{
  rig_free (f->rig);
  kill (f->keeper, SIGKILL);
  waitpid (f->keeper, NULL, 0);
  close (f->place.mnt);
  g_free (f->dir);
  g_free (f->disk);
  g_free (f->beside);
}

static gboolean
begin (Fixture *f)
{
  if (geteuid () != 0)
    {
      g_test_skip ("mounts of its own take root");
      return FALSE;
    }
  f->rig = rig_new ();
  return f->rig != NULL;
}

/* @mounts: of the images' directory and another one */
static void
assert_refused (const char *mounts, const char *why)
{
  Fixture f = { 0 };
  g_autoptr(RigRun) checked = NULL;
  g_autoptr(RigRun) moved = NULL;

  if (!begin (&f))
    return;
  set_up (&f, mounts);
  checked = rig_qmig (f.rig, &f.rig->alpha, "check", f.rig->vm, f.rig->beta.uri, "--no-measure", NULL);
  g_assert_cmpint (checked->exit_code, ==, QMIG_EXIT_REFUSED);
  if (strstr (checked->out, why) == NULL)
    g_error ("'%s' does not say '%s'", checked->out, why);
  moved = rig_qmig (f.rig, &f.rig->alpha, "migrate", f.rig->vm, f.rig->beta.uri, NULL);
  g_assert_cmpint (moved->exit_code, ==, QMIG_EXIT_REFUSED);
  tear_down (&f);
}

static void
test_other_content (void)
{
  assert_refused ("mount --bind %1$s %1$s; mount --bind %2$s %1$s", "is another file");
}

static void
test_not_there (void)
{
  assert_refused (": %2$s; mount -t tmpfs none %1$s", "cannot be opened");
}

/* Under another mount it is the same file, and the VM may go there. */
static void
test_bind_mount (void)
{
  Fixture f = { 0 };
  g_autoptr(RigRun) checked = NULL;
  g_autoptr(RigRun) moved = NULL;

  if (!begin (&f))
    return;
  set_up (&f, "mount --bind %1$s %2$s; mount --bind %2$s %1$s");
  checked = rig_qmig (f.rig, &f.rig->alpha, "check", f.rig->vm, f.rig->beta.uri, "--no-measure", NULL);
  g_assert_cmpint (checked->exit_code, ==, 0);
  g_assert_nonnull (strstr (checked->out, "is the same file"));
  moved = rig_qmig (f.rig, &f.rig->alpha, "migrate", f.rig->vm, f.rig->beta.uri, NULL);
  g_assert_cmpint (moved->exit_code, ==, 0);
  tear_down (&f);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/look-alike/other-content", test_other_content);
  g_test_add_func ("/look-alike/not-there", test_not_there);
  g_test_add_func ("/look-alike/bind-mount", test_bind_mount);
  return g_test_run ();
}
