/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "qmp-wait.h"

G_BEGIN_DECLS

/**
 * qmp_connect:
 * @path: a unix socket
 *
 * Connects without blocking.  A full queue (EAGAIN) is tried again until the
 * deadline, and is %QMP_ERROR_BUSY then; other failures keep their GIO codes.
 *
 * Returns: (transfer full)
 */
GIOStream *qmp_connect (const char *path, QmpWait *wait, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The process that called listen() on the other end, 0 if @stream is no unix socket. */
GPid qmp_connect_get_peer_pid (GIOStream *stream);

/* For the error text: who may hold a monitor that does not answer. */
#define QMP_CONNECT_OTHER_CLIENT "another client (libvirt, Incus, another qmig, ...) probably owns this monitor"

G_END_DECLS
