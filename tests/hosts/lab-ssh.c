/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lab-ssh.h"

#include <errno.h>
#include <unistd.h>

#define SSHD "/usr/sbin/sshd"
#define PORT 2222

static char *
ssh_dir (Lab *lab)
{
  char *dir = g_build_filename (lab->rig->dir, "ssh", NULL);

  g_assert_no_errno (g_mkdir_with_parents (dir, 0700));
  return dir;
}

static void
make_key (const char *path)
{
  const char *argv[] = { "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path, NULL };

  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    g_assert_cmpint (place_run (NULL, argv, NULL, -1), ==, 0);
}

static void
write_file (const char *path, const char *text)
{
  g_autoptr(GError) error = NULL;

  g_file_set_contents (path, text, -1, &error);
  g_assert_no_error (error);
}

/* The far side looks qmig up by its name. */
static char *
make_bin (const char *dir)
{
  char *bin = g_build_filename (dir, "bin", NULL);
  g_autofree char *link = g_build_filename (bin, "qmig", NULL);
  g_autofree char *program = g_canonicalize_filename (rig_program (), NULL);

  g_assert_no_errno (g_mkdir_with_parents (bin, 0700));
  if (symlink (program, link) != 0)
    g_assert_cmpint (errno, ==, EEXIST);
  return bin;
}

static char *
write_sshd_config (Lab *lab, const char *dir, const RigHost *to)
{
  g_autofree char *bin = make_bin (dir);
  g_autofree char *text = g_strdup_printf (
      "ListenAddress %s:%d\nHostKey %s/host\nAuthorizedKeysFile %s/user.pub\nPidFile none\nUsePAM no\nStrictModes no\n"
      "PermitRootLogin yes\nPasswordAuthentication no\nMaxStartups 100\n"
      "SetEnv \"PATH=%s:/usr/bin:/bin\" \"QMIG_RUNTIME_DIR=%s\" \"QMIG_STATE_DIR=%s\" \"QMIG_CONFIG=%s/qmig.conf\" \"QMIG_PKI_DIR=%s\"\n",
      lab_net_host (lab, to)->address, PORT, dir, dir, bin, to->runtime_dir, to->state_dir, to->state_dir, to->pki_dir);
  char *path = g_strdup_printf ("%s/sshd-%s.conf", dir, to->name);

  write_file (path, text);
  return path;
}

static void
let_in (Lab *lab, const char *dir, RigHost *from)
{
  g_autofree char *key = g_strconcat (dir, "/host.pub", NULL);
  g_autofree char *known = g_strconcat (dir, "/known", NULL);
  g_autofree char *public = NULL;
  g_autofree char *lines = NULL;
  g_autoptr(GError) error = NULL;

  g_file_get_contents (key, &public, NULL, &error);
  g_assert_no_error (error);
  lines = g_strdup_printf ("[%s]:%d %s[%s]:%d %s", NET_ALPHA, PORT, public, NET_BETA, PORT, public);
  write_file (known, lines);
  g_free (from->ssh);
  from->ssh = g_strdup_printf ("ssh -F none -i %s/user -o IdentitiesOnly=yes -o UserKnownHostsFile=%s", dir, known);
}

gboolean
lab_ssh_start (Lab *lab, RigHost *from, const RigHost *to)
{
  g_autofree char *dir = ssh_dir (lab);
  g_autofree char *host_key = g_build_filename (dir, "host", NULL);
  g_autofree char *user_key = g_build_filename (dir, "user", NULL);
  g_autofree char *config = NULL;
  const char *argv[] = { SSHD, "-D", "-E", "/dev/null", "-f", NULL, NULL };
  GPid pid;

  if (!g_file_test (SSHD, G_FILE_TEST_IS_EXECUTABLE))
    {
      g_test_skip ("there is no sshd (openssh-server)");
      return FALSE;
    }
  /* sshd wants it for the part of it that has no rights. */
  g_mkdir_with_parents ("/run/sshd", 0755);
  make_key (host_key);
  make_key (user_key);
  config = write_sshd_config (lab, dir, to);
  argv[5] = config;
  pid = place_spawn (to->place, argv, NULL, NULL, -1);
  g_array_append_val (lab->helpers, pid);
  let_in (lab, dir, from);
  lab_wait_port (lab, from, to, PORT);
  return TRUE;
}

char *
lab_ssh_uri (Lab *lab, const RigHost *to)
{
  return g_strdup_printf ("ssh://root@%s:%d", lab_net_host (lab, to)->address, PORT);
}
