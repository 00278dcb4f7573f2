/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "place.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* In the child, which has no other thread: a process with threads cannot change the mounts it sees. */
static void
enter (gpointer data)
{
  const Place *place = data;

  prctl (PR_SET_PDEATHSIG, SIGKILL);
  if (place == NULL)
    return;
  if ((place->net >= 0 && setns (place->net, CLONE_NEWNET) != 0) || (place->uts >= 0 && setns (place->uts, CLONE_NEWUTS) != 0)
      || (place->mnt >= 0 && setns (place->mnt, CLONE_NEWNS) != 0))
    _exit (126);
}

/* Of processes only the children change their namespace, so that it is set before the fork. */
static void
set_children (int pid_namespace)
{
  g_assert_no_errno (setns (pid_namespace, CLONE_NEWPID));
}

GPid
place_spawn (const Place *place, const char *const *argv, const char *const *env, int *out, int err)
{
  GSpawnFlags flags = G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_SEARCH_PATH | (out == NULL ? G_SPAWN_STDOUT_TO_DEV_NULL : 0);
  g_autoptr(GError) error = NULL;
  gboolean away = place != NULL && place->pid >= 0;
  int own = away ? open ("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC) : -1;
  GPid pid = 0;

  if (away)
    set_children (place->pid);
  g_spawn_async_with_pipes_and_fds (NULL, argv, env, flags, enter, (gpointer) place, -1, -1, err, NULL, NULL, 0, &pid, NULL, out,
                                    NULL, &error);
  if (away)
    {
      set_children (own);
      close (own);
    }
  g_assert_no_error (error);
  return pid;
}

int
place_run (const Place *place, const char *const *argv, const char *const *env, int err)
{
  GPid pid = place_spawn (place, argv, env, NULL, err);
  int status;

  while (waitpid (pid, &status, 0) < 0)
    g_assert_cmpint (errno, ==, EINTR);
  return WIFEXITED (status) ? WEXITSTATUS (status) : -1;
}

void
place_with_mounts (Place *place, const char *mounts, GPid *keeper)
{
  g_autofree char *script = g_strdup_printf ("%s; echo ready; exec sleep 600", mounts);
  const char *argv[] = { "unshare", "--mount", "sh", "-ec", script, NULL };
  g_autofree char *ns = NULL;
  char word[6];
  int out;

  *keeper = place_spawn (NULL, argv, NULL, &out, -1);
  g_assert_cmpint (read (out, word, sizeof word), ==, sizeof word);
  close (out);
  ns = g_strdup_printf ("/proc/%d/ns/mnt", (int) *keeper);
  *place = (Place) PLACE_HERE;
  place->mnt = open (ns, O_RDONLY | O_CLOEXEC);
  g_assert_cmpint (place->mnt, >=, 0);
}

int
place_socket (const Place *place, int domain, int type, int protocol)
{
  int own = open ("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  int fd;

  g_assert_no_errno (setns (place->net, CLONE_NEWNET));
  fd = socket (domain, type | SOCK_CLOEXEC, protocol);
  g_assert_no_errno (setns (own, CLONE_NEWNET));
  close (own);
  return fd;
}
