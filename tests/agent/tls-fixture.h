/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* An agent that serves https on the loopback, an authority, and callers of all kinds. */

#include "agent-fixture.h"
#include "pki.h"

typedef struct
{
  AgentFixture agent; /* spoken to over its unix socket */
  char *pki;          /* the agent's own directory, which is the authority's, too */
  char *uri;
} TlsFixture;

/* Without an agent. */
void tls_fixture_prepare (TlsFixture *self, gconstpointer data);
/* With one, and the callers admin, operator and viewer, each with that role. */
void tls_fixture_set_up (TlsFixture *self, gconstpointer data);
void tls_fixture_tear_down (TlsFixture *self, gconstpointer data);
/* The agent serves https, as its config file says. */
void tls_fixture_start (TlsFixture *self);

/* Issues a certificate to @name; trusted with @role unless that is none. */
void tls_fixture_issue (TlsFixture *self, const char *name, QmigRole role);
/* Where @name has its certificates.  (transfer full) */
char *tls_fixture_dir (TlsFixture *self, const char *name);
/* Issues @name a certificate that expired yesterday, and trusts it. */
void tls_fixture_issue_expired (TlsFixture *self, const char *name);
/* FILE of @from becomes FILE_TO of @to (names). */
void tls_fixture_copy (TlsFixture *self, const char *from, const char *file, const char *to, const char *file_to);

/* A client of the agent with the certificates of @name. */
QmigClient *tls_fixture_client (TlsFixture *self, const char *name);
/* GET /v1/host has an answer. */
void tls_fixture_assert_serves (QmigClient *client);
/* It has not, because of @code and @part of the text. */
void tls_fixture_assert_refused (QmigClient *client, QmigExit code, const char *part);

/* A TCP connection. */
int tls_fixture_connect (TlsFixture *self);
/* The same with TLS on it; @name: (nullable) whose certificate to show. */
GIOStream *tls_fixture_secure (TlsFixture *self, const char *name);
/* Writes @request and reads until the end, or until @needle has come.  Never fails: the text.  (transfer full) */
char *tls_fixture_raw (GIOStream *stream, const char *request, gssize length, const char *needle);
