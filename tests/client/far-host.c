/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "far-host.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib/gstdio.h>

#define SSHD "/usr/sbin/sshd"
#define PRIVSEP_DIR "/run/sshd"
#define LIMIT_MS 30000
#define PORT_TRIES 20

static void
run (const char *const *argv)
{
  g_autoptr(GError) error = NULL;
  int wait_status;

  g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL, NULL, NULL,
                &wait_status, &error);
  g_assert_no_error (error);
  g_assert_cmpint (wait_status, ==, 0);
}

static char *
write_file (FarHost *self, const char *name, int mode, const char *text)
{
  char *path = g_build_filename (self->dir, name, NULL);

  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  g_assert_cmpint (g_chmod (path, mode), ==, 0);
  return path;
}

static void
make_key (FarHost *self, const char *name)
{
  g_autofree char *path = g_build_filename (self->dir, name, NULL);

  run ((const char *[]){ "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path, NULL });
}

/* -- sshd ------------------------------------------------------------------------- */

/* Free a moment ago; whoever takes it first keeps it, and sshd says so. */
static int
choose_port (void)
{
  g_autoptr(GSocket) socket = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, NULL);
  g_autoptr(GInetAddress) loopback = g_inet_address_new_loopback (G_SOCKET_FAMILY_IPV4);
  g_autoptr(GSocketAddress) any = g_inet_socket_address_new (loopback, 0);
  g_autoptr(GSocketAddress) bound = NULL;

  g_assert_true (g_socket_bind (socket, any, FALSE, NULL));
  bound = g_socket_get_local_address (socket, NULL);
  return g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (bound));
}

typedef struct
{
  FarHost *far;
  int fd;
} Reader;

static gpointer
read_log (gpointer user_data)
{
  g_autofree Reader *reader = user_data;
  FarHost *self = reader->far;
  char text[4096];
  gssize n;

  while ((n = read (reader->fd, text, sizeof text)) > 0)
    {
      g_mutex_lock (&self->lock);
      g_string_append_len (self->log, text, n);
      g_cond_broadcast (&self->changed);
      g_mutex_unlock (&self->lock);
    }
  close (reader->fd);
  g_mutex_lock (&self->lock);
  self->log_ended = TRUE;
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
  return NULL;
}

/* FALSE: sshd has ended without it. */
static gboolean
await_log (FarHost *self, const char *text)
{
  gint64 deadline = g_get_monotonic_time () + LIMIT_MS * G_TIME_SPAN_MILLISECOND;
  gboolean found;

  g_mutex_lock (&self->lock);
  while (!(found = strstr (self->log->str, text) != NULL) && !self->log_ended)
    g_assert_true (g_cond_wait_until (&self->changed, &self->lock, deadline));
  g_mutex_unlock (&self->lock);
  return found;
}

static void
end_sshd (FarHost *self)
{
  if (self->pid == 0)
    return;

  kill (self->pid, SIGTERM);
  waitpid (self->pid, NULL, 0);
  self->pid = 0;
  g_thread_join (g_steal_pointer (&self->reader));
}

/* A test that fails ends without its cleanup. */
static void
end_with_test (gpointer user_data)
{
  prctl (PR_SET_PDEATHSIG, SIGTERM);
}

static gboolean
start_sshd (FarHost *self, const FarHostSetup *setup, int port)
{
  g_autofree char *state_dir = g_build_filename (self->dir, "state", NULL);
  g_autofree char *bin = g_build_filename (self->dir, "bin", NULL);
  g_autofree char *here = g_path_get_dirname (QMIG_PROGRAM);
  /* Without it, sshd takes an account whose password it may not read for a locked one. */
  const char *pam = geteuid () == 0 ? "no" : "yes";
  const char *first = setup->path != NULL ? setup->path : setup->program != NULL ? bin : here;
  g_autofree char *text = g_strdup_printf (
      "ListenAddress 127.0.0.1\nPort %d\nHostKey %s/host\nAuthorizedKeysFile %s/key.pub\nPidFile none\nUsePAM %s\n"
      "StrictModes no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\n"
      "SetEnv \"PATH=%s%s\" \"QMIG_RUNTIME_DIR=%s\" \"QMIG_STATE_DIR=%s\"\n",
      port, self->dir, self->dir, pam, first, setup->path == NULL ? ":/usr/bin:/bin" : "", self->runtime_dir,
      setup->state_dir != NULL ? setup->state_dir : state_dir);
  g_autofree char *conf = write_file (self, "sshd.conf", 0600, text);
  const char *argv[] = { SSHD, "-D", "-e", "-f", conf, NULL };
  g_autoptr(GError) error = NULL;
  Reader *reader = g_new0 (Reader, 1);

  reader->far = self;
  self->log_ended = FALSE;
  g_string_truncate (self->log, 0);
  g_spawn_async_with_pipes (NULL, (char **) argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL,
                            end_with_test, NULL, &self->pid, NULL, NULL,
                            &reader->fd, &error);
  g_assert_no_error (error);
  self->reader = g_thread_new ("sshd-log", read_log, reader);
  return await_log (self, "Server listening on ");
}

/* FALSE: sshd does not want to run here; its log says why. */
static gboolean
start_on_free_port (FarHost *self, const FarHostSetup *setup, int *port)
{
  for (int i = 0; i < PORT_TRIES; i++)
    {
      *port = choose_port ();
      if (start_sshd (self, setup, *port))
        return TRUE;
      end_sshd (self);
      if (strstr (self->log->str, "Address already in use") == NULL)
        return FALSE;
    }
  return FALSE;
}

/* -- this side --------------------------------------------------------------------------- */

static void
know_host (FarHost *self, FarKey known, int port)
{
  g_autofree char *key_path = g_build_filename (self->dir, known == FAR_KEY_OTHER ? "other.pub" : "host.pub", NULL);
  g_autofree char *key = NULL;
  g_autofree char *text = NULL;

  g_assert_true (g_file_get_contents (key_path, &key, NULL, NULL));
  text = known == FAR_KEY_UNKNOWN ? g_strdup ("") : g_strdup_printf ("[127.0.0.1]:%d %s", port, key);
  g_free (write_file (self, "known_hosts", 0600, text));
}

/* Neither the config nor the keys of the user who runs the tests count. */
static void
set_environment (FarHost *self, const FarHostSetup *setup)
{
  g_autofree char *state_dir = g_build_filename (self->dir, "here-state", NULL);
  g_autofree char *config = g_build_filename (self->dir, "qmig.conf", NULL);
  g_autofree char *ssh
      = g_strdup_printf ("ssh -F /dev/null -i '%s/%s' -o IdentitiesOnly=yes -o IdentityAgent=none "
                         "-o 'UserKnownHostsFile=%s/known_hosts' -o GlobalKnownHostsFile=/dev/null",
                         self->dir, setup->wrong_key ? "other" : "key", self->dir);

  g_setenv ("QMIG_SSH", ssh, TRUE);
  g_setenv ("QMIG_CONFIG", config, TRUE);
  g_setenv ("QMIG_RUNTIME_DIR", self->here, TRUE);
  g_setenv ("QMIG_STATE_DIR", state_dir, TRUE);
}

static void
add_program (FarHost *self, const char *program)
{
  g_autofree char *bin = g_build_filename (self->dir, "bin", NULL);

  g_assert_cmpint (g_mkdir (bin, 0700), ==, 0);
  g_free (write_file (self, "bin/qmig", 0700, program));
}

static FarHost *
start (const FarHostSetup *setup)
{
  FarHost *self = g_new0 (FarHost, 1);
  int port;

  g_mutex_init (&self->lock);
  g_cond_init (&self->changed);
  self->log = g_string_new (NULL);
  self->dir = g_dir_make_tmp ("qmXXXXXX", NULL);
  self->here = g_build_filename (self->dir, "here", NULL);
  self->runtime_dir = setup->runtime_dir != NULL ? g_strdup (setup->runtime_dir) : g_build_filename (self->dir, "far", NULL);
  g_assert_cmpint (g_mkdir (self->here, 0700), ==, 0);
  make_key (self, "host");
  make_key (self, "key");
  make_key (self, "other");
  if (setup->program != NULL)
    add_program (self, setup->program);
  if (start_on_free_port (self, setup, &port))
    {
      self->uri = g_strdup_printf ("ssh://127.0.0.1:%d", port);
      know_host (self, setup->known_hosts, port);
      set_environment (self, setup);
    }
  return self;
}

/* -- whether it can be ----------------------------------------------------------------------- */

/* NULL where a plain login works. */
static char *
find_obstacle (void)
{
  g_autoptr(FarHost) self = NULL;
  g_auto(GStrv) ssh = NULL;
  g_autoptr(GStrvBuilder) words = g_strv_builder_new ();
  g_auto(GStrv) argv = NULL;
  g_autofree char *errors = NULL;
  int wait_status = 0;

  if (g_access (SSHD, X_OK) != 0)
    return g_strdup (SSHD " is not there (package openssh-server)");
  /* The service would make it when it starts. */
  if (geteuid () == 0)
    g_mkdir (PRIVSEP_DIR, 0755);

  self = start (&(FarHostSetup){ 0 });
  if (self->uri == NULL)
    return g_strdup_printf ("sshd does not run here: %s", self->log->str);

  g_shell_parse_argv (g_getenv ("QMIG_SSH"), NULL, &ssh, NULL);
  g_strv_builder_addv (words, (const char **) ssh);
  g_strv_builder_add_many (words, "-o", "BatchMode=yes", "-p", strrchr (self->uri, ':') + 1, "127.0.0.1", "exit 0", NULL);
  argv = g_strv_builder_end (words);
  g_spawn_sync (NULL, argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL, NULL, &errors,
                &wait_status, NULL);
  if (wait_status == 0)
    return NULL;

  end_sshd (self);
  g_strdelimit (self->log->str, "\r\n", ' ');
  return g_strdup_printf ("sshd lets nobody in here: %s", self->log->str);
}

FarHost *
far_host_new (const FarHostSetup *setup)
{
  static gboolean tried;
  static char *obstacle;
  FarHost *self;

  if (!tried)
    obstacle = find_obstacle ();
  tried = TRUE;
  if (obstacle != NULL)
    {
      g_test_skip (obstacle);
      return NULL;
    }

  self = start (setup != NULL ? setup : &(FarHostSetup){ 0 });
  g_assert_nonnull (self->uri);
  return self;
}

/* -- its end ------------------------------------------------------------------------------------ */

/* The agent that was started over there outlives its sshd. */
static void
end_agent (FarHost *self)
{
  g_autofree char *own = g_build_filename (self->dir, "far", NULL);
  g_autofree char *uri = g_strdup_printf ("unix:%s/agent.sock", own);
  g_autoptr(QmigClient) client = NULL;
  g_autoptr(JsonObject) info = NULL;
  g_autoptr(JsonObject) stopped = NULL;
  struct pollfd end = { .events = POLLIN };

  if (g_access (uri + strlen ("unix:"), F_OK) != 0)
    return;

  client = qmig_client_new (uri, NULL);
  info = qmig_client_call (client, "GET", "/v1/host", NULL, LIMIT_MS, NULL, NULL, NULL);
  if (info == NULL)
    return;

  end.fd = pidfd_open ((pid_t) json_object_get_int_member (info, "pid"), 0);
  stopped = qmig_client_call (client, "POST", "/v1/agent/stop?force=1", NULL, LIMIT_MS, NULL, NULL, NULL);
  g_assert_nonnull (stopped);
  g_clear_object (&client);
  if (end.fd >= 0)
    {
      g_assert_cmpint (poll (&end, 1, LIMIT_MS), ==, 1);
      close (end.fd);
    }
}

void
far_host_stop (FarHost *self)
{
  end_agent (self);
  end_sshd (self);
}

void
far_host_free (FarHost *self)
{
  far_host_stop (self);
  run ((const char *[]){ "rm", "-rf", self->dir, NULL });
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->changed);
  g_string_free (self->log, TRUE);
  g_free (self->dir);
  g_free (self->here);
  g_free (self->runtime_dir);
  g_free (self->uri);
  g_free (self);
}

guint
far_host_count (FarHost *self, const char *text)
{
  guint n = 0;

  g_mutex_lock (&self->lock);
  for (const char *p = self->log->str; (p = strstr (p, text)) != NULL; p += strlen (text))
    n++;
  g_mutex_unlock (&self->lock);
  return n;
}
