/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmp-error.h"

G_DEFINE_QUARK (qmp-error-quark, qmp_error)

static const struct
{
  const char *klass;
  QmpError code;
} classes[] = {
  { "CommandNotFound", QMP_ERROR_COMMAND_NOT_FOUND },
  { "DeviceNotActive", QMP_ERROR_DEVICE_NOT_ACTIVE },
  { "DeviceNotFound", QMP_ERROR_DEVICE_NOT_FOUND },
  { "KVMMissingCap", QMP_ERROR_KVM_MISSING_CAP },
};

QmpError
qmp_error_from_class (const char *klass)
{
  for (gsize i = 0; i < G_N_ELEMENTS (classes); i++)
    if (g_strcmp0 (klass, classes[i].klass) == 0)
      return classes[i].code;

  return QMP_ERROR_GENERIC;
}

gboolean
qmp_error_is_refusal (const GError *error)
{
  if (!error || error->domain != QMP_ERROR)
    return FALSE;

  switch ((QmpError) error->code)
    {
    case QMP_ERROR_GENERIC:
    case QMP_ERROR_COMMAND_NOT_FOUND:
    case QMP_ERROR_DEVICE_NOT_ACTIVE:
    case QMP_ERROR_DEVICE_NOT_FOUND:
    case QMP_ERROR_KVM_MISSING_CAP:
      return TRUE;
    case QMP_ERROR_BUSY:
    case QMP_ERROR_NOT_QMP:
    case QMP_ERROR_LIMIT:
    case QMP_ERROR_CLOSED:
    case QMP_ERROR_TIMEOUT:
      return FALSE;
    }
  return FALSE;
}
