/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define QMP_ERROR (qmp_error_quark ())
GQuark qmp_error_quark (void);

/**
 * QmpError:
 * @QMP_ERROR_GENERIC: QEMU refused the command; the message is QEMU's own text
 * @QMP_ERROR_COMMAND_NOT_FOUND: this QEMU has no such command (or it is not negotiated yet)
 * @QMP_ERROR_DEVICE_NOT_ACTIVE: QEMU's class of that name
 * @QMP_ERROR_DEVICE_NOT_FOUND: QEMU's class of that name
 * @QMP_ERROR_KVM_MISSING_CAP: QEMU's class of that name
 * @QMP_ERROR_BUSY: another client holds the monitor: no greeting, or EAGAIN on connect
 * @QMP_ERROR_NOT_QMP: whatever answered does not speak QMP (garbage, an HMP prompt, no greeting object)
 * @QMP_ERROR_LIMIT: a message was larger or deeper than allowed
 * @QMP_ERROR_CLOSED: the connection is gone; what was pending may or may not have happened
 * @QMP_ERROR_TIMEOUT: no answer within the deadline; the command may still happen
 *
 * Cancellation is reported as %G_IO_ERROR_CANCELLED.
 */
typedef enum
{
  QMP_ERROR_GENERIC,
  QMP_ERROR_COMMAND_NOT_FOUND,
  QMP_ERROR_DEVICE_NOT_ACTIVE,
  QMP_ERROR_DEVICE_NOT_FOUND,
  QMP_ERROR_KVM_MISSING_CAP,
  QMP_ERROR_BUSY,
  QMP_ERROR_NOT_QMP,
  QMP_ERROR_LIMIT,
  QMP_ERROR_CLOSED,
  QMP_ERROR_TIMEOUT,
} QmpError;

/* Whether @error is QEMU's own answer to the command: it was refused, and nothing happened. */
gboolean qmp_error_is_refusal (const GError *error);

/* Maps the `class` member of a QMP error; unknown classes are %QMP_ERROR_GENERIC. */
QmpError qmp_error_from_class (const char *klass);

G_END_DECLS
