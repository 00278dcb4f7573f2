/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the source's program and machine are, for the checks that compare them: what QEMU does not tell stays unknown. */

#include "qmig-instance.h"

#include "qmig-vmstate.h"
#include "qmp-error.h"

/* An answer that could not be had is no failure; the end of the wait is. */
static gboolean
is_over (GError *cause, GError **error)
{
  if (!g_error_matches (cause, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return FALSE;
  g_propagate_error (error, g_error_copy (cause));
  return TRUE;
}

gboolean
qmig_instance_read_machine (QmigInstance *self, QmigSourceFacts *facts, QmpWait *wait, GError **error)
{
  g_autoptr(GError) cause = NULL;

  facts->devices = qmp_query_device_tree (self->client, wait, &cause);
  return !is_over (cause, error);
}

/* Of the file that runs, were it replaced or removed since. */
void
qmig_instance_read_vmstate (QmigSourceFacts *facts, gboolean thorough, QmpWait *wait)
{
  g_autofree char *exe = g_strdup_printf ("/proc/%" G_GINT64_FORMAT "/exe", facts->pid);

  if (facts->devices != NULL)
    facts->vmstate = qmig_vmstate_read (exe, facts->machine, facts->devices->types, thorough, wait, NULL);
}
