/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-env.h"

#include <unistd.h>

#include "qmig-journal.h"
#include "qmig-process.h"

static gint64
meminfo_bytes (const char *text, const char *field)
{
  const char *line = text != NULL ? strstr (text, field) : NULL;

  return line != NULL ? g_ascii_strtoll (line + strlen (field), NULL, 10) * 1024 : QMIG_UNSET;
}

/* Guests that were promised memory and have not touched it yet. */
static gint64
promised_bytes (const QmigEnv *self, gint64 *count)
{
  g_autoptr(QmigJournal) journal = qmig_journal_open (self->state_dir, NULL);
  g_autoptr(GPtrArray) reservations = journal != NULL ? qmig_journal_list_reservations (journal, NULL) : NULL;
  gint64 sum = 0;

  *count = reservations != NULL ? reservations->len : 0;
  for (gint64 i = 0; i < *count; i++)
    {
      const QmigReservation *r = g_ptr_array_index (reservations, i);

      sum += MAX (0, r->spec->memory_bytes - (r->pid > 0 ? qmig_process_rss_bytes (r->pid) : 0));
    }
  return sum;
}

QmigHostInfo *
qmig_env_host_info (const QmigEnv *self)
{
  QmigHostInfo *info = qmig_host_info_new ();
  g_autofree char *meminfo = NULL;

  g_file_get_contents ("/proc/meminfo", &meminfo, NULL, NULL);
  info->name = g_strdup (self->host_name);
  info->version = g_strdup (QMIG_VERSION);
  info->api = QMIG_API_VERSION;
  info->hostname = g_strdup (g_get_host_name ());
  if (g_file_get_contents ("/proc/sys/kernel/random/boot_id", &info->boot_id, NULL, NULL))
    g_strchomp (info->boot_id);
  info->pid = getpid ();
  info->uid = getuid ();
  info->runtime_dir = g_strdup (self->runtime_dir);
  info->state_dir = g_strdup (self->state_dir);
  info->kvm = access ("/dev/kvm", R_OK | W_OK) == 0;
  info->memory_total_bytes = meminfo_bytes (meminfo, "MemTotal:");
  info->memory_available_bytes = meminfo_bytes (meminfo, "MemAvailable:");
  if (info->memory_available_bytes != QMIG_UNSET)
    info->memory_available_bytes -= promised_bytes (self, &info->incoming);
  info->active_migrations = 0;
  info->time_us = g_get_real_time ();
  info->mono_us = g_get_monotonic_time ();
  return info;
}
