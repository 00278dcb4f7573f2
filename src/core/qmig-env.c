/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-env.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "converge-policy.h"
#include "pki.h"
#include "qmig-process.h"

/* -1 where it is not said. */
static gint64
meminfo_bytes (const char *text, const char *name)
{
  const char *line = strstr (text, name);

  return line ? g_ascii_strtoll (line + strlen (name), NULL, 10) * 1024 : -1;
}

static void
fill_memory (QmigHostInfo *info)
{
  g_autofree char *text = NULL;

  info->memory_total_bytes = QMIG_UNSET;
  info->memory_available_bytes = QMIG_UNSET;
  if (!g_file_get_contents ("/proc/meminfo", &text, NULL, NULL))
    return;
  info->memory_total_bytes = meminfo_bytes (text, "MemTotal:");
  info->memory_available_bytes = meminfo_bytes (text, "MemAvailable:");
}

gint64
qmig_env_reserved_bytes (const GPtrArray *reservations)
{
  gint64 reserved = 0;

  for (guint i = 0; i < reservations->len; i++)
    {
      const QmigReservation *reservation = g_ptr_array_index (reservations, i);
      gboolean alive = reservation->pid > 0 && qmig_process_is_alive (reservation->pid, reservation->start_time);
      gint64 used = alive ? qmig_process_rss_bytes (reservation->pid) : 0;

      if (reservation->spec->memory_bytes > 0)
        reserved += MAX (reservation->spec->memory_bytes - used, 0);
    }
  return reserved;
}

static void
fill_from_journal (QmigHostInfo *info, QmigJournal *journal)
{
  g_autoptr(GPtrArray) reservations = qmig_journal_list_reservations (journal, NULL);
  g_auto(GStrv) open = qmig_journal_list_open (journal, NULL);

  if (reservations != NULL)
    {
      info->incoming = reservations->len;
      if (info->memory_available_bytes != QMIG_UNSET)
        info->memory_available_bytes = MAX (info->memory_available_bytes - qmig_env_reserved_bytes (reservations), 0);
    }
  if (open != NULL)
    info->active_migrations = g_strv_length (open);
}

/* Whoever may not open it has no KVM; whether it serves is only known when a guest runs. */
static gboolean
can_open_kvm (void)
{
  int fd = open ("/dev/kvm", O_RDWR | O_CLOEXEC);

  if (fd >= 0)
    close (fd);
  return fd >= 0;
}

/* Only with all three a stream can be encrypted whichever way the VM goes. */
static void
fill_certificates (QmigHostInfo *info, const char *pki_dir)
{
  g_autoptr(QmigCertificate) authority = pki_dir != NULL ? qmig_pki_read_certificate (pki_dir, "ca-cert.pem", NULL) : NULL;
  g_autoptr(QmigCertificate) server = authority != NULL ? qmig_pki_read_certificate (pki_dir, "server-cert.pem", NULL) : NULL;
  g_autoptr(QmigCertificate) client = server != NULL ? qmig_pki_read_certificate (pki_dir, "client-cert.pem", NULL) : NULL;

  if (client == NULL || server->addresses[0] == NULL)
    return;
  info->tls_authority = g_strdup (authority->fingerprint);
  info->tls_name = g_strdup (server->addresses[0]);
  info->tls_subject = g_strdup (client->subject);
}

QmigHostInfo *
qmig_env_host_info_from (const QmigEnv *self, QmigJournal *journal)
{
  QmigHostInfo *info = qmig_host_info_new ();

  info->name = g_strdup (self->host_name);
  info->version = g_strdup (QMIG_VERSION);
  info->api = QMIG_API_VERSION;
  info->hostname = g_strdup (g_get_host_name ());
  if (g_file_get_contents ("/proc/sys/kernel/random/boot_id", &info->boot_id, NULL, NULL))
    g_strstrip (info->boot_id);
  info->pid = getpid ();
  info->uid = geteuid ();
  info->runtime_dir = g_strdup (self->runtime_dir);
  info->state_dir = g_strdup (self->state_dir);
  info->kvm = can_open_kvm ();
  info->incoming = 0;
  info->active_migrations = 0;
  info->migration_address = g_strdup (self->migration_address);
  info->migration_port = self->migration_port;
  info->migration_port_last = self->migration_port_last;
  fill_memory (info);
  fill_certificates (info, self->pki_dir);
  if (journal != NULL)
    fill_from_journal (info, journal);
  info->time_us = g_get_real_time ();
  info->mono_us = g_get_monotonic_time ();

  return info;
}

QmigHostInfo *
qmig_env_host_info (const QmigEnv *self)
{
  g_autoptr(QmigJournal) journal = qmig_journal_open (self->state_dir, NULL);

  return qmig_env_host_info_from (self, journal);
}

static QmigPolicy *
find_policy (const QmigEnv *self, const char *name, GError **error)
{
  if (self->find_policy != NULL)
    return self->find_policy (self, name, error);
  if (g_str_equal (name, CONVERGE_POLICY_DEFAULT))
    return converge_policy_new_default ();
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_NOT_FOUND, "there is no policy '%s' here", name);
  return NULL;
}

QmigPolicy *
qmig_env_policy_for (const QmigEnv *self, const QmigMigrateRequest *request, GError **error)
{
  QmigPolicy *policy;

  if ((request->knobs != NULL && !converge_policy_check_knobs (request->knobs, error)) || !converge_policy_check_allow (request->allow, error))
    return NULL;
  policy = find_policy (self, request->policy != NULL ? request->policy : CONVERGE_POLICY_DEFAULT, error);
  if (policy != NULL)
    converge_policy_bound (policy, request->knobs, request->allow);
  return policy;
}
