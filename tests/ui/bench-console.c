/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * `./setup bench console`: 1,000 VMs on 20 hosts, whose agents are played in
 * this process, and the console on a terminal of ours.  Once with all hosts
 * well, once with five that take connections and never say a word.
 *
 *   key     from a key that moves the selection to the changed row on the terminal
 *   idle    processor time while nobody types, of one core
 *   memory  the most the console ever had in memory
 */

#include "api-types.h"

#include <fcntl.h>
#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>
#include <libsoup/soup.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define HOSTS 20
#define VMS 50
#define BLACK_HOLES 5
#define KEYS 120
#define KEY_PAUSE_MS 80
#define SETTLE_S 6
#define IDLE_S 12
#define KEY_LIMIT_MS 2000

/* -- hosts ------------------------------------------------------------------------- */

typedef struct
{
  char *dir;
  GPtrArray *servers;
  GPtrArray *sockets; /* of the black holes */
  GMainContext *context;
  GMainLoop *loop;
  GThread *thread;
} Hosts;

typedef struct
{
  char *name;
  char *info;
  char *vms;
  char *hosts; /* of the first one alone */
} Host;

static void
host_free (gpointer data)
{
  Host *host = data;

  g_free (host->name);
  g_free (host->info);
  g_free (host->vms);
  g_free (host->hosts);
  g_free (host);
}

static char *
list_text (const ApiType *type, GPtrArray *values)
{
  g_autoptr(JsonObject) object = api_list_to_object (type, values);
  g_autoptr(JsonNode) node = json_node_init_object (json_node_alloc (), object);

  return json_to_string (node, FALSE);
}

static char *
vms_text (int host)
{
  g_autoptr(GPtrArray) vms = g_ptr_array_new_with_free_func ((GDestroyNotify) qmig_vm_free);

  for (int i = 0; i < VMS; i++)
    {
      QmigVm *vm = qmig_vm_new ();

      vm->id = g_strdup_printf ("%d.%d", 1000 + i, host);
      vm->name = g_strdup_printf ("vm-%02d-%02d", host, i);
      vm->uuid = g_uuid_string_random ();
      vm->host = g_strdup_printf ("host%02d", host);
      vm->binary = g_strdup ("/usr/bin/qemu-system-x86_64");
      vm->qemu_version = g_strdup ("7.2.22");
      vm->machine = g_strdup ("pc-q35-7.2");
      vm->accelerator = g_strdup ("kvm");
      vm->memory_bytes = G_GINT64_CONSTANT (4) << 30;
      vm->vcpus = 4;
      vm->pid = 1000 + i;
      vm->run_state = g_strdup ("running");
      vm->qmp = g_strdup_printf ("/run/qmig/vm/%d/monitor.qmp", i);
      vm->owner = g_strdup ("qmig");
      g_ptr_array_add (vms, vm);
    }
  return list_text (&qmig_vm_type, vms);
}

static char *
info_text (int host)
{
  g_autoptr(QmigHostInfo) info = qmig_host_info_new ();

  info->name = g_strdup_printf ("host%02d", host);
  info->version = g_strdup ("0.1.0");
  info->api = QMIG_API_VERSION;
  info->kvm = TRUE;
  info->memory_available_bytes = G_GINT64_CONSTANT (64) << 30;
  return qmig_host_info_to_text (info);
}

static char *
socket_path (const char *dir, int host)
{
  return g_strdup_printf ("%s/%02d.sock", dir, host);
}

static char *
hosts_text (const char *dir)
{
  g_autoptr(GPtrArray) entries = g_ptr_array_new_with_free_func ((GDestroyNotify) qmig_host_entry_free);

  for (int i = 0; i < HOSTS; i++)
    {
      QmigHostEntry *entry = qmig_host_entry_new ();
      g_autofree char *path = socket_path (dir, i);

      entry->name = g_strdup_printf ("host%02d", i);
      entry->uri = i == 0 ? g_strdup ("local") : g_strdup_printf ("unix:%s", path);
      entry->reachable = TRUE;
      g_ptr_array_add (entries, entry);
    }
  return list_text (&qmig_host_entry_type, entries);
}

static void
answer (SoupServer *server, SoupServerMessage *message, const char *path, GHashTable *query, gpointer user_data)
{
  const Host *host = user_data;
  const char *text = "{\"schema\":\"x\",\"items\":[]}";

  if (strcmp (path, "/v1/host") == 0)
    text = host->info;
  else if (strcmp (path, "/v1/vms") == 0)
    text = host->vms;
  else if (strcmp (path, "/v1/hosts") == 0)
    text = host->hosts;
  soup_message_headers_replace (soup_server_message_get_response_headers (message), "X-Qmig-Api", "1");
  soup_server_message_set_status (message, 200, NULL);
  soup_server_message_set_response (message, "application/json", SOUP_MEMORY_COPY, text, strlen (text));
}

static GSocket *
listen_at (const char *path)
{
  g_autoptr(GSocketAddress) address = g_unix_socket_address_new (path);
  GSocket *socket = g_socket_new (G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, NULL);
  g_autoptr(GError) error = NULL;

  g_socket_bind (socket, address, FALSE, &error);
  g_assert_no_error (error);
  g_socket_listen (socket, &error);
  g_assert_no_error (error);
  return socket;
}

static void
add_host (Hosts *hosts, int index, gboolean silent)
{
  g_autofree char *path = socket_path (hosts->dir, index);
  g_autoptr(GSocket) socket = listen_at (path);
  g_autoptr(GError) error = NULL;
  SoupServer *server;
  Host *host;

  if (silent)
    {
      g_ptr_array_add (hosts->sockets, g_steal_pointer (&socket));
      return;
    }
  host = g_new0 (Host, 1);
  host->info = info_text (index);
  host->vms = vms_text (index);
  host->hosts = hosts_text (hosts->dir);
  server = soup_server_new (NULL, NULL);
  soup_server_add_handler (server, NULL, answer, host, host_free);
  soup_server_listen_socket (server, socket, 0, &error);
  g_assert_no_error (error);
  g_ptr_array_add (hosts->servers, server);
}

static gpointer
serve (gpointer user_data)
{
  Hosts *hosts = user_data;

  g_main_context_push_thread_default (hosts->context);
  g_main_loop_run (hosts->loop);
  g_main_context_pop_thread_default (hosts->context);
  return NULL;
}

static Hosts *
hosts_new (int n_silent)
{
  Hosts *hosts = g_new0 (Hosts, 1);

  hosts->dir = g_dir_make_tmp ("qmbXXXXXX", NULL);
  hosts->context = g_main_context_new ();
  hosts->loop = g_main_loop_new (hosts->context, FALSE);
  hosts->servers = g_ptr_array_new_with_free_func (g_object_unref);
  hosts->sockets = g_ptr_array_new_with_free_func (g_object_unref);
  g_main_context_push_thread_default (hosts->context);
  for (int i = 0; i < HOSTS; i++)
    add_host (hosts, i, i >= HOSTS - n_silent);
  g_main_context_pop_thread_default (hosts->context);
  hosts->thread = g_thread_new ("hosts", serve, hosts);
  return hosts;
}

static void
hosts_free (Hosts *hosts)
{
  g_autofree char *command = g_strdup_printf ("rm -r '%s'", hosts->dir);

  g_main_loop_quit (hosts->loop);
  g_thread_join (hosts->thread);
  g_ptr_array_unref (hosts->servers);
  g_ptr_array_unref (hosts->sockets);
  g_main_loop_unref (hosts->loop);
  g_main_context_unref (hosts->context);
  g_spawn_command_line_sync (command, NULL, NULL, NULL, NULL);
  g_free (hosts->dir);
  g_free (hosts);
}

/* -- the console ----------------------------------------------------------------------- */

typedef struct
{
  GPid pid;
  int terminal;
} Console;

static Console
console_start (const Hosts *hosts, const char *program)
{
  struct winsize size = { .ws_row = 50, .ws_col = 160 };
  Console console;

  console.pid = forkpty (&console.terminal, NULL, NULL, &size);
  g_assert_cmpint (console.pid, >=, 0);
  if (console.pid == 0)
    {
      g_autofree char *path = socket_path (hosts->dir, 0);
      g_autofree char *uri = g_strdup_printf ("unix:%s", path);

      g_setenv ("QMIG_HOST", uri, TRUE);
      g_setenv ("QMIG_STATE_DIR", hosts->dir, TRUE);
      g_setenv ("QMIG_RUNTIME_DIR", hosts->dir, TRUE);
      g_setenv ("TERM", "xterm-256color", TRUE);
      g_setenv ("LC_ALL", "C.UTF-8", TRUE);
      g_unsetenv ("SSH_CONNECTION");
      execl (program, program, "console", "--screen", "vms", NULL);
      _exit (127);
    }
  return console;
}

/* What the console writes until @until_us; TRUE as soon as a row in reverse was among it (where it is @wanted). */
static gboolean
read_until (const Console *console, gint64 until_us, gboolean wanted)
{
  char text[65536];

  for (;;)
    {
      gint64 left_us = until_us - g_get_monotonic_time ();
      struct pollfd in = { .fd = console->terminal, .events = POLLIN };
      gssize n;

      if (left_us <= 0)
        return FALSE;
      if (poll (&in, 1, (int) (left_us / 1000) + 1) <= 0)
        continue;
      n = read (console->terminal, text, sizeof text - 1);
      g_assert_cmpint (n, >, 0);
      text[n] = '\0';
      if (wanted && (strstr (text, "[7m") != NULL || strstr (text, ";7m") != NULL))
        return TRUE;
    }
}

static int
compare_doubles (gconstpointer a, gconstpointer b)
{
  double one = *(const double *) a;
  double other = *(const double *) b;

  return one < other ? -1 : one > other;
}

static void
measure_keys (const Console *console, double ms[KEYS])
{
  for (int i = 0; i < KEYS; i++)
    {
      gint64 start_us = g_get_monotonic_time ();

      g_assert_cmpint (write (console->terminal, i % 40 < 20 ? "j" : "k", 1), ==, 1);
      if (!read_until (console, start_us + KEY_LIMIT_MS * 1000, TRUE))
        g_printerr ("key %d: nothing within %d ms\n", i, KEY_LIMIT_MS);
      ms[i] = (double) (g_get_monotonic_time () - start_us) / 1000;
      /* Not in step with what the console does by itself. */
      read_until (console, g_get_monotonic_time () + (KEY_PAUSE_MS + i * 7 % 53) * 1000, FALSE);
    }
  qsort (ms, KEYS, sizeof *ms, compare_doubles);
}

static double
processor_seconds (GPid pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/stat", pid);
  g_autofree char *text = NULL;
  unsigned long user;
  unsigned long system;

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_assert_cmpint (sscanf (strrchr (text, ')'), ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system), ==, 2);
  return (double) (user + system) / (double) sysconf (_SC_CLK_TCK);
}

static double
most_mib (GPid pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/status", pid);
  g_autofree char *text = NULL;

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  return atof (strstr (text, "VmHWM:") + strlen ("VmHWM:")) / 1024;
}

static void
measure (const char *program, int n_silent)
{
  Hosts *hosts = hosts_new (n_silent);
  Console console = console_start (hosts, program);
  double ms[KEYS];
  double before_s;
  double idle;

  read_until (&console, g_get_monotonic_time () + SETTLE_S * G_USEC_PER_SEC, FALSE);
  measure_keys (&console, ms);
  before_s = processor_seconds (console.pid);
  read_until (&console, g_get_monotonic_time () + IDLE_S * G_USEC_PER_SEC, FALSE);
  idle = (processor_seconds (console.pid) - before_s) / IDLE_S * 100;
  printf ("%-22s %7.1f %7.1f %7.1f %8.1f %8.1f\n", n_silent == 0 ? "all answer" : "five are silent", ms[KEYS / 2], ms[KEYS * 95 / 100], ms[KEYS - 1], idle,
          most_mib (console.pid));
  fflush (stdout);
  kill (console.pid, SIGTERM);
  waitpid (console.pid, NULL, 0);
  close (console.terminal);
  hosts_free (hosts);
}

int
main (int argc, char **argv)
{
  const char *program = argc > 1 ? argv[1] : QMIG_PROGRAM;

  printf ("%d VMs on %d hosts, terminal of 160x50, %d keys\n\n", HOSTS * VMS, HOSTS, KEYS);
  printf ("%-22s %7s %7s %7s %8s %8s\n", "hosts", "key p50", "p95", "most ms", "idle %", "MiB");
  measure (program, 0);
  measure (program, BLACK_HOLES);
  return 0;
}
