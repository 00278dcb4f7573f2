/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lab.h"

#include <signal.h>
#include <sys/wait.h>

#define RELAY_PORT 7646

const LabTransport lab_transports[] = {
  { .name = "tcp", .in_clear = TRUE },
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
  lab->relays = g_array_new (FALSE, FALSE, sizeof (GPid));
  lab->rig = g_steal_pointer (&rig);
  lab->rig->alpha.place = &net->alpha.place;
  lab->rig->beta.place = &net->beta.place;
  return lab;
}

void
lab_free (Lab *lab)
{
  for (guint i = 0; i < lab->relays->len; i++)
    {
      kill (g_array_index (lab->relays, GPid, i), SIGKILL);
      waitpid (g_array_index (lab->relays, GPid, i), NULL, 0);
    }
  rig_free (lab->rig);
  net_free (lab->net);
  g_array_free (lab->relays, TRUE);
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

  g_array_append_val (lab->relays, pid);
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

  return g_strconcat ("unix:", socket, NULL);
}

void
lab_start_agents (Lab *lab, const char *fault)
{
  rig_start_agent (lab->rig, &lab->rig->alpha, fault);
  rig_start_agent (lab->rig, &lab->rig->beta, NULL);
  start_relays (lab, &lab->rig->alpha, &lab->rig->beta);
  start_relays (lab, &lab->rig->beta, &lab->rig->alpha);
}

/* -- moves -------------------------------------------------------------------------- */

RigPending *
lab_migrate (Lab *lab, const RigHost *from, const RigHost *to, const char *const *more)
{
  g_autoptr(GPtrArray) args = g_ptr_array_new ();
  g_autofree char *uri = lab_uri (lab, from, to);
  const char *fixed[] = { "migrate", lab->rig->vm, uri, "--transport", lab->transport->name, "--listen",
                          lab_net_host (lab, to)->address, "-o", "jsonl", NULL };

  for (const char **arg = fixed; *arg != NULL; arg++)
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
