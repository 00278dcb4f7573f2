/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define UPLINK "uplink"
#define SWITCH "switch"
#define BRIDGE "vmbr"
#define MASK "/24"

#define HOST_NAMESPACES (CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS)

/* -- a host's first process ---------------------------------------------------- */

typedef struct
{
  const char *name;
  const char *boot_id; /* files that stand in for the machine's own */
  const char *hosts;
  int ready;           /* tells the test that the host is there … */
  int dies;            /* … which never writes here, and so ends the host when it ends */
} Birth;

/* No more than the calls that a child of a process with threads may make. */
static gboolean
furnish (const Birth *birth)
{
  return mount (NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 && mount ("proc", "/proc", "proc", 0, NULL) == 0
         && mount (birth->boot_id, "/proc/sys/kernel/random/boot_id", NULL, MS_BIND, NULL) == 0
         && mount (birth->hosts, "/etc/hosts", NULL, MS_BIND, NULL) == 0
         && sethostname (birth->name, strlen (birth->name)) == 0;
}

static void
ignore (int number)
{
}

/* Buries whoever dies; its own end is the end of the host. */
static G_GNUC_NORETURN void
live (const Birth *birth)
{
  struct sigaction mind = { .sa_handler = ignore };
  char byte;

  prctl (PR_SET_PDEATHSIG, SIGKILL);
  sigaction (SIGCHLD, &mind, NULL);
  if (!furnish (birth) || write (birth->ready, "", 1) != 1)
    _exit (1);
  /* The test's output, above all, is not to be held open by a host. */
  dup2 (birth->dies, 0);
  syscall (SYS_close_range, 1, ~0U, 0);
  while (read (0, &byte, 1) < 0)
    while (waitpid (-1, NULL, WNOHANG) > 0)
      ;
  _exit (0);
}

static char *
write_file (const char *dir, const char *host, const char *name, const char *text)
{
  g_autofree char *file = g_strdup_printf ("%s.%s", host, name);
  g_autoptr(GError) error = NULL;
  char *path = g_build_filename (dir, file, NULL);

  g_file_set_contents (path, text, -1, &error);
  g_assert_no_error (error);
  return path;
}

static int
open_namespace (GPid pid, const char *name)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/ns/%s", pid, name);
  int fd = open (path, O_RDONLY | O_CLOEXEC);

  g_assert_cmpint (fd, >=, 0);
  return fd;
}

static gboolean
be_born (NetHost *host, Birth *birth)
{
  int ready[2], dies[2];
  char byte;
  gboolean born;

  g_assert_no_errno (pipe2 (ready, O_CLOEXEC));
  g_assert_no_errno (pipe2 (dies, O_CLOEXEC));
  birth->ready = ready[1];
  birth->dies = dies[0];
  host->init = (GPid) syscall (SYS_clone, HOST_NAMESPACES | SIGCHLD, NULL, NULL, NULL, 0);
  if (host->init == 0)
    {
      close (dies[1]);
      live (birth);
    }
  close (ready[1]);
  close (dies[0]);
  born = host->init > 0 && read (ready[0], &byte, 1) == 1;
  close (ready[0]);
  /* The other end stays open until the test ends. */
  return born;
}

static gboolean
start_host (Net *net, NetHost *host, const char *name, const char *address)
{
  g_autofree char *id = g_uuid_string_random ();
  g_autofree char *boot_id = write_file (net->dir, name, "boot_id", id);
  g_autofree char *hosts = write_file (net->dir, name, "hosts", "127.0.0.1 localhost\n" NET_ALPHA " alpha\n" NET_BETA " beta\n");
  Birth birth = { .name = name, .boot_id = boot_id, .hosts = hosts };

  host->name = name;
  host->address = address;
  if (!be_born (host, &birth))
    return FALSE;
  host->place.net = open_namespace (host->init, "net");
  host->place.mnt = open_namespace (host->init, "mnt");
  host->place.pid = open_namespace (host->init, "pid");
  host->place.uts = open_namespace (host->init, "uts");
  return TRUE;
}

/* -- cables ---------------------------------------------------------------------- */

static gboolean
try (const Place *place, char *line)
{
  g_auto(GStrv) argv = g_strsplit (line, " ", -1);
  gboolean done = place_run (place, (const char *const *) argv, NULL, -1) == 0;

  if (!done)
    g_test_message ("failed: %s", line);
  g_free (line);
  return done;
}

#define TRY(place, ...) try (place, g_strdup_printf (__VA_ARGS__))

static gboolean
make_bridge (const Place *place, const char *name, const char *address)
{
  return TRY (place, "ip link set lo up") && TRY (place, "ip link add name %s type bridge forward_delay 0", name)
         && TRY (place, "ip addr add %s" MASK " dev %s", address, name) && TRY (place, "ip link set %s up", name);
}

static gboolean
connect_host (Net *net, NetHost *host)
{
  const Place *here = &host->place;

  return make_bridge (here, BRIDGE, host->address)
         && TRY (&net->outside, "ip link add name %s type veth peer name " UPLINK " netns %d", host->name, host->init)
         && TRY (here, "ip link set " UPLINK " master " BRIDGE " up") && TRY (here, "ip tuntap add dev " NET_TAP " mode tap")
         && TRY (here, "ip link set " NET_TAP " master " BRIDGE " up")
         && TRY (&net->outside, "ip link set %s master " SWITCH " up", host->name);
}

static gboolean
open_outside (Place *outside)
{
  int own = open ("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

  if (unshare (CLONE_NEWNET) != 0)
    {
      close (own);
      return FALSE;
    }
  outside->net = open ("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  g_assert_no_errno (setns (own, CLONE_NEWNET));
  close (own);
  return make_bridge (outside, SWITCH, NET_OUTSIDE);
}

/* -- all of it --------------------------------------------------------------------- */

static const char *
build (Net *net)
{
  g_autofree char *ip = g_find_program_in_path ("ip");

  if (ip == NULL)
    return "there is no program 'ip' (iproute2)";
  if (!open_outside (&net->outside))
    return "this user may make no network of its own here";
  if (!start_host (net, &net->alpha, "alpha", NET_ALPHA) || !start_host (net, &net->beta, "beta", NET_BETA))
    return "this user may make no namespaces here";
  if (!connect_host (net, &net->alpha) || !connect_host (net, &net->beta))
    return "there are no veth pairs, bridges or taps here";
  return NULL;
}

Net *
net_new (const char *dir)
{
  static const Place here = PLACE_HERE;
  g_autoptr(Net) net = g_new0 (Net, 1);
  const char *problem;

  net->dir = g_strdup (dir);
  net->outside = net->alpha.place = net->beta.place = here;
  problem = build (net);
  if (problem != NULL)
    {
      g_test_skip (problem);
      return NULL;
    }
  return g_steal_pointer (&net);
}

/* Every process of the host that the test started has to be waited for before: the kernel holds the first one so long. */
static void
bury_host (NetHost *host)
{
  if (host->init <= 0)
    return;
  kill (host->init, SIGKILL);
  while (waitpid (host->init, NULL, 0) < 0 && errno == EINTR)
    ;
}

static void
leave (Place *place)
{
  int *all[] = { &place->net, &place->mnt, &place->pid, &place->uts };

  for (gsize i = 0; i < G_N_ELEMENTS (all); i++)
    if (*all[i] >= 0)
      close (*all[i]);
}

void
net_free (Net *net)
{
  bury_host (&net->alpha);
  bury_host (&net->beta);
  leave (&net->alpha.place);
  leave (&net->beta.place);
  leave (&net->outside);
  g_free (net->dir);
  g_free (net);
}

void
net_cut (Net *net, const NetHost *host)
{
  g_assert_true (TRY (&net->outside, "ip link set %s nomaster", host->name));
}

void
net_mend (Net *net, const NetHost *host)
{
  g_assert_true (TRY (&net->outside, "ip link set %s master " SWITCH, host->name));
}

gboolean
net_shape (Net *net, const NetHost *host, const char *rate)
{
  /* A burst above what the kernel hands over at once (64 KiB), and a queue like that of a switch: some milliseconds. */
  return TRY (&host->place, "tc qdisc replace dev " UPLINK " root tbf rate %s burst 256kb latency 5ms", rate);
}

void
net_kill_host (Net *net, NetHost *host)
{
  /* First, as the kernel of a host without power says no farewell for its processes. */
  net_cut (net, host);
  kill (host->init, SIGKILL);
}
