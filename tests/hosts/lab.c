/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lab-ssh.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define RELAY_PORT 7646

const LabTransport lab_transports[] = {
  { .name = "tcp", .way = LAB_RELAYED, .in_clear = TRUE },
  { .name = "tls", .way = LAB_ENROLLED, .by_default = TRUE },
  { .name = "ssh", .way = LAB_BY_SSH, .by_default = TRUE },
};
const gsize lab_n_transports = G_N_ELEMENTS (lab_transports);

Lab *
lab_new (const LabTransport *transport, Rig *(*new_rig) (void))
{
  g_autoptr(Rig) rig = new_rig ();
  Net *net = rig != NULL ? net_new (rig->dir) : NULL;
  Lab *lab;

  if (net == NULL)
    return NULL;
  lab = g_new0 (Lab, 1);
  lab->transport = transport;
  lab->net = net;
  lab->helpers = g_array_new (FALSE, FALSE, sizeof (GPid));
  lab->rig = g_steal_pointer (&rig);
  lab->rig->alpha.place = &net->alpha.place;
  lab->rig->beta.place = &net->beta.place;
  return lab;
}

void
lab_free (Lab *lab)
{
  for (guint i = 0; i < lab->helpers->len; i++)
    {
      kill (g_array_index (lab->helpers, GPid, i), SIGKILL);
      waitpid (g_array_index (lab->helpers, GPid, i), NULL, 0);
    }
  rig_free (lab->rig);
  net_free (lab->net);
  g_array_free (lab->helpers, TRUE);
  g_free (lab);
}

NetHost *
lab_net_host (Lab *lab, const RigHost *host)
{
  return host == &lab->rig->alpha ? &lab->net->alpha : &lab->net->beta;
}

/* -- how agents reach each other ------------------------------------------------- */

/* The kernel tells an agent nothing of peers in another host, so that a relay on its own host has to come in for them. */
static void
start_relay (Lab *lab, const RigHost *host, char *from, char *to)
{
  const char *argv[] = { "socat", "-lf", "/dev/null", from, to, NULL };
  GPid pid = place_spawn (host->place, argv, NULL, NULL, -1);

  g_array_append_val (lab->helpers, pid);
  g_free (from);
  g_free (to);
}

static char *
relay_socket (const RigHost *from, const RigHost *to)
{
  return g_strdup_printf ("%s/to-%s.sock", from->state_dir, to->name);
}

static void
start_relays (Lab *lab, const RigHost *from, const RigHost *to)
{
  const char *address = lab_net_host (lab, to)->address;
  g_autofree char *socket = relay_socket (from, to);

  start_relay (lab, to, g_strdup_printf ("TCP-LISTEN:%d,bind=%s,fork,reuseaddr", RELAY_PORT, address),
               g_strdup_printf ("UNIX-CONNECT:%s/agent.sock", to->runtime_dir));
  start_relay (lab, from, g_strdup_printf ("UNIX-LISTEN:%s,fork,mode=600", socket),
               g_strdup_printf ("TCP:%s:%d,connect-timeout=5", address, RELAY_PORT));
  rig_wait_socket (socket);
}

char *
lab_uri (Lab *lab, const RigHost *from, const RigHost *to)
{
  g_autofree char *socket = relay_socket (from, to);

  switch (lab->transport->way)
    {
    case LAB_RELAYED:
      return g_strconcat ("unix:", socket, NULL);

    case LAB_BY_SSH:
      return lab_ssh_uri (lab, to);

    case LAB_ENROLLED:
      return g_strdup_printf ("https://%s:%d", lab_net_host (lab, to)->address, LAB_AGENT_PORT);
    }
  g_assert_not_reached ();
}

void
lab_wait_port (Lab *lab, const RigHost *from, const RigHost *to, int port)
{
  g_autoptr(GSocketAddress) address = g_inet_socket_address_new_from_string (lab_net_host (lab, to)->address, port);

  for (int i = 0;; i++)
    {
      g_autoptr(GSocket) socket = g_socket_new_from_fd (place_socket (from->place, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), NULL);

      if (g_socket_connect (socket, address, NULL, NULL))
        return;
      g_assert_cmpint (i, <, 3000);
      g_usleep (10000);
    }
}

/* The one command that a person types. */
static gboolean
enroll (Lab *lab, RigHost *here, const RigHost *there)
{
  g_autofree char *uri = lab_ssh_uri (lab, there);
  g_autoptr(RigRun) run = NULL;

  if (!lab_ssh_start (lab, here, there))
    return FALSE;
  run = rig_qmig (lab->rig, here, "host", "enroll", there->name, uri, NULL);
  if (run->exit_code != 0)
    g_test_message ("%s", run->err);
  g_assert_cmpint (run->exit_code, ==, 0);
  return TRUE;
}

gboolean
lab_start_agents (Lab *lab, const char *fault)
{
  RigHost *alpha = &lab->rig->alpha, *beta = &lab->rig->beta;

  /* An agent keeps the environment that it is started with. */
  if (lab->transport->way == LAB_BY_SSH && !(lab_ssh_start (lab, alpha, beta) && lab_ssh_start (lab, beta, alpha)))
    return FALSE;
  rig_start_agent (lab->rig, alpha, fault);
  rig_start_agent (lab->rig, beta, NULL);
  if (lab->transport->way == LAB_ENROLLED)
    return enroll (lab, alpha, beta);
  if (lab->transport->way == LAB_RELAYED)
    {
      start_relays (lab, alpha, beta);
      start_relays (lab, beta, alpha);
    }
  return TRUE;
}

/* -- moves -------------------------------------------------------------------------- */

RigPending *
lab_migrate (Lab *lab, const RigHost *from, const RigHost *to, const char *const *more)
{
  g_autoptr(GPtrArray) args = g_ptr_array_new ();
  g_autofree char *uri = lab_uri (lab, from, to);
  const char *fixed[] = { "migrate", lab->rig->vm, uri, "-o", "jsonl", NULL };
  const char *asked[] = { "--transport", lab->transport->name, "--listen", lab_net_host (lab, to)->address, NULL };

  for (const char **arg = fixed; *arg != NULL; arg++)
    g_ptr_array_add (args, (char *) *arg);
  for (const char **arg = asked; !lab->transport->by_default && *arg != NULL; arg++)
    g_ptr_array_add (args, (char *) *arg);
  for (const char *const *arg = more; arg != NULL && *arg != NULL; arg++)
    g_ptr_array_add (args, (char *) *arg);
  g_ptr_array_add (args, NULL);
  return rig_qmig_begin (lab->rig, from, (const char *const *) args->pdata);
}

void
lab_add_tests (const char *name, void (*test) (const LabTransport *transport))
{
  for (gsize i = 0; i < lab_n_transports; i++)
    {
      g_autofree char *path = g_strdup_printf ("/hosts/%s/%s", name, lab_transports[i].name);

      g_test_add_data_func (path, &lab_transports[i], (GTestDataFunc) test);
    }
}
