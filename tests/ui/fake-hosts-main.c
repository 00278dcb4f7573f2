/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * fake-hosts HOSTS VMS MIGRATIONS: says the first host's URI, then takes from
 * its standard input how many of the last hosts are to fall silent, a number
 * a line, and ends with it.
 */

#include "api-types.h"
#include "fake-agent.h"

#include <glib-unix.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GIB (G_GINT64_CONSTANT (1) << 30)
#define MIB (G_GINT64_CONSTANT (1) << 20)
#define SAMPLE_MS 500
#define BOOT_ID "11111111-2222-3333-4444-555555555555"

typedef struct
{
  FakeAgent *agent;
  char *name;
  guint number;
  char *migration; /* NULL: none */
  gint64 seq;
  gint64 since_us; /* monotonic */
} Host;

typedef struct
{
  Host *hosts;
  guint n_hosts;
  guint n_vms;
  GMainLoop *loop;
} Farm;

/* -- answers --------------------------------------------------------------------- */

static void
take_answer (FakeAgent *agent, const char *target, JsonObject *object)
{
  g_autoptr(JsonObject) owned = object;
  g_autoptr(JsonNode) node = json_node_init_object (json_node_alloc (), object);
  g_autofree char *text = json_to_string (node, FALSE);

  fake_agent_answer (agent, "GET", target, 200, text);
}

/* It has the time in it: made anew for each question. */
static void
answer_host (gpointer data)
{
  Host *host = data;
  g_autoptr(QmigHostInfo) info = qmig_host_info_new ();

  info->name = g_strdup (host->name);
  info->version = g_strdup (QMIG_VERSION);
  info->api = QMIG_API_VERSION;
  info->hostname = g_strdup (host->name);
  info->boot_id = g_strdup (BOOT_ID);
  info->pid = getpid ();
  info->uid = getuid ();
  info->runtime_dir = g_strdup (fake_agent_get_dir (host->agent));
  info->state_dir = g_strdup (fake_agent_get_dir (host->agent));
  info->kvm = TRUE;
  info->memory_total_bytes = 256 * GIB;
  info->memory_available_bytes = (64 + g_get_real_time () / G_USEC_PER_SEC % 32) * GIB;
  info->time_us = g_get_real_time ();
  info->mono_us = g_get_monotonic_time ();
  info->active_migrations = host->migration != NULL;
  info->incoming = 0;
  info->role = g_strdup ("admin");
  take_answer (host->agent, "/v1/host", qmig_host_info_to_object (info));
}

static void
answer_vms (const Host *host, guint n)
{
  g_autoptr(GPtrArray) vms = g_ptr_array_new_with_free_func ((GDestroyNotify) qmig_vm_free);

  for (guint i = 0; i < n; i++)
    {
      QmigVm *vm = qmig_vm_new ();

      vm->pid = 1000 + i;
      vm->start_time = 5000 + i;
      vm->id = g_strdup_printf ("%u.%u", 1000 + i, 5000 + i);
      vm->name = g_strdup_printf ("vm%02u-%03u", host->number, i);
      vm->uuid = g_strdup_printf ("00000000-0000-0000-%04u-%012u", host->number, i);
      vm->host = g_strdup (host->name);
      vm->uid = getuid ();
      vm->binary = g_strdup ("/usr/bin/qemu-system-x86_64");
      vm->qemu_version = g_strdup ("7.2.22");
      vm->machine = g_strdup ("pc-q35-7.2");
      vm->accelerator = g_strdup ("kvm");
      vm->memory_bytes = (1 + i % 8) * GIB;
      vm->vcpus = 1 + i % 4;
      vm->run_state = g_strdup (i % 10 == 9 ? "paused" : "running");
      vm->owner = g_strdup ("found");
      vm->migration = i == 0 ? g_strdup (host->migration) : NULL;
      g_ptr_array_add (vms, vm);
    }
  take_answer (host->agent, "/v1/vms", api_list_to_object (&qmig_vm_type, vms));
}

static QmigSample *
sample_new (const Host *host)
{
  QmigSample *sample = qmig_sample_new ();
  gint64 elapsed_ms = (g_get_monotonic_time () - host->since_us) / 1000;
  gint64 in_pass_ms = elapsed_ms % 20000;

  sample->elapsed_ms = elapsed_ms;
  sample->stage = QMIG_STAGE_PRE_COPY;
  sample->status = g_strdup ("active");
  sample->pass = 1 + elapsed_ms / 20000;
  sample->total_bytes = 4 * GIB;
  sample->remaining_bytes = (20000 - in_pass_ms) * 4 * GIB / 20000;
  sample->transferred_bytes = elapsed_ms * 200 * MIB / 1000;
  sample->send_bytes_per_s = 200 * MIB + elapsed_ms % 17 * MIB;
  sample->dirty_bytes_per_s = 150 * MIB + elapsed_ms % 29 * MIB;
  sample->need_ms = sample->remaining_bytes * 1000 / sample->send_bytes_per_s;
  sample->downtime_limit_ms = 300;
  sample->bandwidth_limit_bytes_per_s = 0;
  sample->throttle_percent = 0;
  sample->normal_bytes = sample->transferred_bytes;
  sample->zero_bytes = 0;
  return sample;
}

static QmigMigrationInfo *
migration_new (const Host *host)
{
  QmigMigrationInfo *info = qmig_migration_info_new ();

  info->id = g_strdup (host->migration);
  info->vm = g_strdup_printf ("vm%02u-000", host->number);
  info->source = g_strdup (host->name);
  info->destination = g_strdup ("elsewhere");
  info->active = TRUE;
  info->stage = QMIG_STAGE_PRE_COPY;
  info->step = g_strdup ("precopy");
  info->started = api_time_now ();
  info->who = g_strdup ("uid 1000");
  info->last_seq = host->seq;
  info->sample = sample_new (host);
  return info;
}

static void
answer_migrations (gpointer data)
{
  Host *host = data;
  g_autoptr(GPtrArray) active = g_ptr_array_new_with_free_func ((GDestroyNotify) qmig_migration_info_free);

  if (host->migration != NULL)
    g_ptr_array_add (active, migration_new (host));
  take_answer (host->agent, "/v1/migrations?active=1", api_list_to_object (&qmig_migration_info_type, active));
}

static void
answer_hosts (Farm *farm)
{
  g_autoptr(GPtrArray) entries = g_ptr_array_new_with_free_func ((GDestroyNotify) qmig_host_entry_free);

  for (guint i = 0; i < farm->n_hosts; i++)
    {
      QmigHostEntry *entry = qmig_host_entry_new ();

      entry->name = g_strdup (farm->hosts[i].name);
      entry->uri = fake_agent_get_uri (farm->hosts[i].agent);
      entry->reachable = TRUE;
      g_ptr_array_add (entries, entry);
    }
  take_answer (farm->hosts[0].agent, "/v1/hosts", api_list_to_object (&qmig_host_entry_type, entries));
}

/* -- events ------------------------------------------------------------------------- */

/* Takes over @data. */
static char *
event_text (Host *host, const char *type, JsonObject *data)
{
  g_autoptr(JsonObject) owned = data;
  g_autoptr(QmigEvent) event = qmig_event_new ();
  g_autofree char *text = NULL;

  event->seq = ++host->seq;
  event->ts = api_time_now ();
  event->mono_us = g_get_monotonic_time ();
  event->host = g_strdup (host->name);
  event->migration = g_strdup (host->migration);
  event->type = g_strdup (type);
  event->data = json_node_init_object (json_node_alloc (), data);
  text = qmig_event_to_text (event);
  return g_strconcat (text, "\n", NULL);
}

static gboolean
tell_sample (gpointer data)
{
  Host *host = data;
  g_autoptr(QmigSample) sample = sample_new (host);
  g_autofree char *line = event_text (host, "sample", qmig_sample_to_object (sample));

  fake_agent_add_to_stream (host->agent, line);
  return G_SOURCE_CONTINUE;
}

static char *
stage_text (Host *host)
{
  JsonObject *data = json_object_new ();

  json_object_set_string_member (data, "stage", qmig_stage_names[QMIG_STAGE_PRE_COPY]);
  return event_text (host, "stage", data);
}

static void
start_migration (Host *host)
{
  g_autoptr(QmigMigrationInfo) info = NULL;
  g_autofree char *target = NULL;
  g_autofree char *stage = NULL;

  host->since_us = g_get_monotonic_time ();
  host->migration = g_strdup_printf ("m-fake%04u", host->number);
  info = migration_new (host);
  target = g_strdup_printf ("/v1/migrations/%s", host->migration);
  take_answer (host->agent, target, qmig_migration_info_to_object (info));
  stage = stage_text (host);
  fake_agent_stream (host->agent, host->migration, stage, FALSE);
  g_timeout_add (SAMPLE_MS, tell_sample, host);
}

/* -- the farm ------------------------------------------------------------------------- */

static void
host_init (Farm *farm, guint number, gboolean migrating)
{
  Host *host = &farm->hosts[number];

  host->agent = fake_agent_new ();
  host->number = number;
  host->name = g_strdup_printf ("host%02u", number);
  if (migrating)
    start_migration (host);
  fake_agent_on_request (host->agent, "GET", "/v1/host", G_CALLBACK (answer_host), host);
  fake_agent_on_request (host->agent, "GET", "/v1/migrations?active=1", G_CALLBACK (answer_migrations), host);
  answer_vms (host, farm->n_vms);
  take_answer (host->agent, "/v1/migrations?ended=1&limit=200", api_list_to_object (&qmig_migration_info_type, NULL));
  take_answer (host->agent, "/v1/changes?limit=100", api_list_to_object (&qmig_change_type, NULL));
  take_answer (host->agent, "/v1/policies", api_list_to_object (&qmig_policy_type, NULL));
}

static gboolean
told (int fd, GIOCondition condition, gpointer user_data)
{
  Farm *farm = user_data;
  char line[64];
  ssize_t n = read (fd, line, sizeof line - 1);

  if (n <= 0)
    {
      g_main_loop_quit (farm->loop);
      return G_SOURCE_REMOVE;
    }
  line[n] = '\0';
  for (guint i = 0; i < (guint) atoi (line) && i < farm->n_hosts; i++)
    fake_agent_silence (farm->hosts[farm->n_hosts - 1 - i].agent);
  puts ("done");
  fflush (stdout);
  return G_SOURCE_CONTINUE;
}

static void
farm_clear (Farm *farm)
{
  for (guint i = 0; i < farm->n_hosts; i++)
    {
      fake_agent_free (farm->hosts[i].agent);
      g_free (farm->hosts[i].name);
      g_free (farm->hosts[i].migration);
    }
  g_free (farm->hosts);
  g_main_loop_unref (farm->loop);
}

int
main (int argc, char **argv)
{
  Farm farm = { 0 };
  g_autofree char *uri = NULL;

  if (argc != 4 || atoi (argv[1]) < 1)
    {
      fprintf (stderr, "usage: fake-hosts HOSTS VMS MIGRATIONS\n");
      return 2;
    }
  farm.n_hosts = (guint) atoi (argv[1]);
  farm.n_vms = (guint) atoi (argv[2]);
  farm.hosts = g_new0 (Host, farm.n_hosts);
  farm.loop = g_main_loop_new (NULL, FALSE);
  for (guint i = 0; i < farm.n_hosts; i++)
    host_init (&farm, i, i < (guint) atoi (argv[3]));
  answer_hosts (&farm);
  g_unix_fd_add (STDIN_FILENO, G_IO_IN | G_IO_HUP, told, &farm);

  uri = fake_agent_get_uri (farm.hosts[0].agent);
  puts (uri);
  fflush (stdout);
  g_main_loop_run (farm.loop);
  farm_clear (&farm);
  return 0;
}
