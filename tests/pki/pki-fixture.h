/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Directories of certificates that go away with the test. */

#include "api-error.h"
#include "pki.h"

typedef struct
{
  char *root;
  char *dir; /* in @root, not made yet */
} Pki;

void pki_set_up (Pki *f, gconstpointer data);
void pki_tear_down (Pki *f, gconstpointer data);

/* A path in @f's root.  (transfer full) */
char *pki_path (Pki *f, const char *name);
/* (transfer full) */
char *pki_text (const char *dir, const char *file);

/* An authority of alpha in @dir, or, where @dir is NULL, in @f->dir. */
void pki_make (Pki *f, const char *dir);
/* A certificate of @name, valid for a year: for the host @address, or for a person where that is NULL. */
void pki_issue (Pki *f, const char *name, const char *address);
/* The text of issued/NAME/FILE.  (transfer full) */
char *pki_issued (Pki *f, const char *name, const char *file);
char *pki_fingerprint (const char *pem);

#define ADD_PKI_TEST(path, function) g_test_add (path, Pki, NULL, pki_set_up, function, pki_tear_down)

/* @error is @exit_code, and its text has @part. */
#define assert_refused(error, exit_code, part)                                                                          \
  G_STMT_START                                                                                                          \
  {                                                                                                                     \
    g_assert_error (error, QMIG_ERROR, (int) (exit_code));                                                              \
    if (strstr (error->message, part) == NULL)                                                                          \
      g_error ("'%s' is not in: %s", part, error->message);                                                             \
    g_clear_error (&error);                                                                                             \
  }                                                                                                                     \
  G_STMT_END
