/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-host.h"

G_DEFINE_INTERFACE (QmigHost, qmig_host, G_TYPE_OBJECT)

static void
qmig_host_default_init (QmigHostInterface *iface)
{
  g_signal_new ("said", QMIG_TYPE_HOST, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, JSON_TYPE_OBJECT);
}

const char *
qmig_host_get_name (QmigHost *self)
{
  return QMIG_HOST_GET_IFACE (self)->get_name (self);
}

QmigFacts *
qmig_host_get_facts (QmigHost *self, const QmigFactsRequest *request, QmpWait *wait, GError **error)
{
  return QMIG_HOST_GET_IFACE (self)->get_facts (self, request, wait, error);
}

QmigIncoming *
qmig_host_prepare (QmigHost *self, const QmigIncomingSpec *spec, QmpWait *wait, GError **error)
{
  return QMIG_HOST_GET_IFACE (self)->prepare (self, spec, wait, error);
}

char *
qmig_host_dial (QmigHost *self, const char *migration, const char *uri, GError **error)
{
  QmigHostInterface *iface = QMIG_HOST_GET_IFACE (self);

  return iface->dial != NULL ? iface->dial (self, migration, uri, error) : g_strdup (uri);
}

QmigIncoming *
qmig_host_query (QmigHost *self, const char *migration, QmpWait *wait, GError **error)
{
  return QMIG_HOST_GET_IFACE (self)->query (self, migration, wait, error);
}

static QmigIncoming *
host_act (QmigHost *self, const char *migration, const char *action, QmpWait *wait, GError **error)
{
  return QMIG_HOST_GET_IFACE (self)->act (self, migration, action, wait, error);
}

QmigIncoming *
qmig_host_hold (QmigHost *self, const char *migration, QmpWait *wait, GError **error)
{
  return host_act (self, migration, "hold", wait, error);
}

QmigIncoming *
qmig_host_renew (QmigHost *self, const char *migration, QmpWait *wait, GError **error)
{
  return host_act (self, migration, "renew", wait, error);
}

QmigIncoming *
qmig_host_commit (QmigHost *self, const char *migration, QmpWait *wait, GError **error)
{
  return host_act (self, migration, "commit", wait, error);
}

QmigIncoming *
qmig_host_accept (QmigHost *self, const char *migration, QmpWait *wait, GError **error)
{
  return host_act (self, migration, "accept", wait, error);
}

QmigIncoming *
qmig_host_abort (QmigHost *self, const char *migration, QmpWait *wait, GError **error)
{
  return host_act (self, migration, "abort", wait, error);
}

QmigIncoming *
qmig_host_expire (QmigHost *self, const char *migration, QmpWait *wait, GError **error)
{
  return host_act (self, migration, "expire", wait, error);
}

QmigIncoming *
qmig_host_recover (QmigHost *self, const char *migration, QmpWait *wait, GError **error)
{
  return host_act (self, migration, "recover", wait, error);
}

QmigIncoming *
qmig_host_release (QmigHost *self, const char *migration, QmpWait *wait, GError **error)
{
  return host_act (self, migration, "release", wait, error);
}

void
qmig_host_follow (QmigHost *self, const char *migration)
{
  QMIG_HOST_GET_IFACE (self)->follow (self, migration);
}

const QmigIncoming *
qmig_host_peek (QmigHost *self, GError **error)
{
  return QMIG_HOST_GET_IFACE (self)->peek (self, error);
}
