/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent.h"

#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include <gio/gunixsocketaddress.h>
#include <glib-unix.h>

#include "agent-activation.h"
#include "agent-log.h"
#include "agent-private.h"
#include "agent-tls.h"
#include "client-dirs.h"
#include "client.h"
#include "pki.h"
#include "qmig-host-local.h"
#include "qmig-launcher.h"
#include "qmp-client.h"

#define TRIM_LOGS_S 5

/* Where destinations listen: what libvirt and Debian's firewall recipes take as well. */
#define PORT_FIRST 49152
#define PORT_LAST 49215

/* "49152-49215" or one port; what cannot be read is said, and the default taken. */
static void
read_ports (QmigEnv *env)
{
  g_autofree char *text = qmig_client_get_agent_setting ("migration-ports");
  unsigned first = PORT_FIRST, last = PORT_LAST;
  int n = text != NULL ? sscanf (text, "%5u-%5u", &first, &last) : 2;

  if (n < 1 || first < 1 || first > 65535 || (n == 2 && (last < first || last > 65535)))
    {
      g_warning ("[agent] migration-ports=%s is no range of ports; taking %d-%d", text, PORT_FIRST, PORT_LAST);
      first = PORT_FIRST;
      last = PORT_LAST;
    }
  env->migration_port = first;
  env->migration_port_last = n == 1 ? first : last;
}

static void
read_config (QmigEnv *env)
{
  g_autofree char *config = qmig_client_default_config_path ();

  env->pki_dir = qmig_pki_default_dir (config);
  env->migration_address = qmig_client_get_agent_setting ("migration-address");
  read_ports (env);
}

static Agent *
agent_new (const char *name, const char *runtime_dir, const char *state_dir)
{
  Agent *agent = g_new0 (Agent, 1);

  /* A context of our own: what other threads send here must never run in their thread while we are not in the loop. */
  agent->context = g_main_context_new ();
  g_main_context_push_thread_default (agent->context);
  agent->loop = g_main_loop_new (agent->context, FALSE);
  agent->env.host_name = g_strdup (name != NULL ? name : g_get_host_name ());
  agent->env.runtime_dir = g_canonicalize_filename (runtime_dir, NULL);
  agent->env.state_dir = g_canonicalize_filename (state_dir, NULL);
  read_config (&agent->env);
  agent->env.open_host = agent_open_host;
  agent->env.open_host_data = agent;
  agent->env.find_policy = agent_find_policy;
  agent->env.probe_link = agent_probe_link;
  agent->socket_path = g_build_filename (agent->env.runtime_dir, "agent.sock", NULL);
  agent->runtime_lock = -1;
  agent->state_lock = -1;
  g_mutex_init (&agent->lock);
  agent->migrations = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_object_unref);
  agent->unwritten_results = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  agent->incomings = agent_incomings_table_new ();
  agent->connections = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  agent->links = g_hash_table_new (NULL, NULL);
  agent->streams = agent_streams_new ();
  return agent;
}

static void
close_lock (int fd)
{
  if (fd >= 0)
    close (fd);
}

static void
agent_free (Agent *agent)
{
  g_clear_pointer (&agent->changes, agent_changes_free);
  g_clear_pointer (&agent->journal, qmig_journal_close);
  g_clear_object (&agent->inherited);
  g_ptr_array_unref (agent->streams);
  /* What they held of connections is let go of now. */
  while (g_main_context_iteration (agent->context, FALSE))
    ;
  g_hash_table_unref (agent->migrations);
  g_hash_table_unref (agent->unwritten_results);
  g_hash_table_unref (agent->incomings);
  g_hash_table_unref (agent->connections);
  g_hash_table_unref (agent->links);
  g_mutex_clear (&agent->lock);
  close_lock (agent->runtime_lock);
  close_lock (agent->state_lock);
  g_free (agent->socket_path);
  g_free (agent->tls_uri);
  g_free (agent->env.migration_address);
  g_free (agent->env.pki_dir);
  g_free (agent->env.host_name);
  g_free (agent->env.runtime_dir);
  g_free (agent->env.state_dir);
  g_main_loop_unref (agent->loop);
  g_main_context_pop_thread_default (agent->context);
  g_main_context_unref (agent->context);
  g_free (agent);
}

static gboolean
on_signal (gpointer user_data)
{
  Agent *agent = user_data;

  g_main_loop_quit (agent->loop);
  return G_SOURCE_CONTINUE;
}

/* A chatty QEMU must not fill the file system of all runtime directories. */
static gboolean
on_trim_logs (gpointer user_data)
{
  Agent *agent = user_data;

  qmig_launcher_trim_logs (agent->env.runtime_dir);
  return G_SOURCE_CONTINUE;
}

static void
trim_logs_on_and_on (Agent *agent)
{
  g_autoptr(GSource) source = g_timeout_source_new_seconds (TRIM_LOGS_S);

  g_source_set_callback (source, on_trim_logs, agent, NULL);
  g_source_attach (source, agent->context);
}

static void
quit_on (Agent *agent, int signum)
{
  g_autoptr(GSource) source = g_unix_signal_source_new (signum);

  g_source_set_callback (source, on_signal, agent, NULL);
  g_source_attach (source, agent->context);
}

/* Each watcher and each VM costs a descriptor or two. */
static void
raise_file_limit (void)
{
  struct rlimit limit;

  if (getrlimit (RLIMIT_NOFILE, &limit) == 0)
    {
      limit.rlim_cur = limit.rlim_max;
      setrlimit (RLIMIT_NOFILE, &limit);
    }
}

/* Two threads that meet types for the first time can lock each other out in GLib: one holds the lock of classes and waits for a
 * type that the other registers, which waits for that lock.  What the threads use is there before they are. */
static void
register_types (void)
{
  const GType classes[] = { SOUP_TYPE_SESSION, SOUP_TYPE_MESSAGE, SOUP_TYPE_SERVER, G_TYPE_SOCKET_CLIENT, G_TYPE_SOCKET_LISTENER,
                            G_TYPE_SOCKET_CONNECTION, G_TYPE_INET_SOCKET_ADDRESS, G_TYPE_TCP_CONNECTION, G_TYPE_UNIX_SOCKET_ADDRESS, G_TYPE_CANCELLABLE,
                            QMP_TYPE_CLIENT, G_TYPE_DBUS_CONNECTION, QMIG_TYPE_CLIENT, QMIG_TYPE_HOST_LOCAL, QMIG_TYPE_MIGRATION };

  for (gsize i = 0; i < G_N_ELEMENTS (classes); i++)
    g_type_class_ref (classes[i]);
}

static gboolean
start (Agent *agent, const char *listen, GError **error)
{
  if (!agent_activation_take_socket (agent->socket_path, &agent->inherited, error))
    return FALSE;
  register_types ();
  if (!agent_server_take_dirs (agent, error))
    return FALSE;

  agent->journal = agent_open_journal (agent, error);
  if (agent->journal == NULL)
    return FALSE;

  /* Before anybody can ask: a request must not meet a VM whose migration is not known yet. */
  agent->changes = agent_changes_start (agent);
  return agent_incomings_recover (agent, error) && agent_migrations_recover (agent, error)
         && agent_server_start (agent, error) && agent_tls_start (agent, listen, error);
}

static void
stop (Agent *agent)
{
  guint migrations = agent_migrations_count (agent);
  guint incomings = agent_incomings_count (agent);

  agent_activation_notify ("STOPPING=1");
  agent_server_stop (agent);
  agent_changes_stop (agent->changes);
  g_message ("agent '%s' ends", agent->env.host_name);
  if (migrations + incomings + agent->n_workers == 0)
    return;

  if (migrations + incomings > 0)
    g_message ("%u migrations and %u reservations will be taken up by the next agent", migrations, incomings);
  /* Not exit(): its handlers would run under the feet of threads that go on. */
  _exit (QMIG_EXIT_OK);
}

int
qmig_agent_run (const char *name, const char *listen, const char *runtime_dir, const char *state_dir, GError **error)
{
  GError *cause = NULL;
  QmigExit code = QMIG_EXIT_OK;
  Agent *agent;

  agent_log_init ();
  signal (SIGPIPE, SIG_IGN);
  raise_file_limit ();
  agent = agent_new (name, runtime_dir, state_dir);
  quit_on (agent, SIGTERM);
  quit_on (agent, SIGINT);
  trim_logs_on_and_on (agent);

  if (start (agent, listen, &cause))
    {
      g_message ("agent '%s' serves %s%s", agent->env.host_name, agent->socket_path,
                 agent->inherited != NULL ? ", passed by the service manager" : "");
      agent_activation_notify ("READY=1");
      g_main_loop_run (agent->loop);
      stop (agent);
    }
  else
    {
      code = qmig_error_get_exit (cause);
      g_propagate_error (error, cause);
      agent_server_stop (agent);
      if (agent_migrations_count (agent) + agent_incomings_count (agent) > 0)
        g_message ("what was taken up again is left to the next agent");
    }

  agent_free (agent);
  return (int) code;
}
