/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Text that a peer, a file or a user may send, read as every type of the API:
 * what is accepted must mean the same after it was written and read again.
 */

#include "api-types.h"
#include "json-strict.h"

#include <stdint.h>

/* Writing adds the missing members and escapes, so a text near the limit of reading may come out beyond it. */
#define MAX_BYTES (64 * 1024)

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
check_value (const ApiType *type, gconstpointer value)
{
  g_autoptr(GError) error = NULL;
  gpointer copy = api_value_copy (type, value);
  g_autofree char *text = api_value_to_text (type, value);
  g_autofree char *text_of_copy = api_value_to_text (type, copy);
  gpointer back = api_value_from_text (type, text, -1, &error);
  g_autofree char *again = NULL;

  g_assert_no_error (error);
  g_assert_cmpstr (text_of_copy, ==, text);
  again = api_value_to_text (type, back);
  g_assert_cmpstr (again, ==, text);

  api_value_free (type, copy);
  api_value_free (type, back);
}

static void
check_type (const ApiType *type, const char *text, gssize length)
{
  g_autoptr(GError) error = NULL;
  gpointer value = api_value_from_text (type, text, length, &error);

  g_assert_true ((value == NULL) == (error != NULL));
  if (value != NULL)
    check_value (type, value);

  api_value_free (type, value);
}

static void
check_list (const ApiType *type, JsonObject *object)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GPtrArray) values = api_list_from_object (type, object, &error);

  g_assert_true ((values == NULL) == (error != NULL));
  for (guint i = 0; values != NULL && i < values->len; i++)
    check_value (type, g_ptr_array_index (values, i));
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  /* Not NUL terminated, so that a sanitizer sees a read beyond the end. */
  const char *text = (const char *) data;
  g_autoptr(JsonObject) object = NULL;

  if (size > MAX_BYTES)
    return 0;

  object = json_strict_parse_object (text, size, &json_strict_limits_api, NULL);
  for (gsize i = 0; qmig_api_types[i] != NULL; i++)
    {
      check_type (qmig_api_types[i], text, (gssize) size);
      if (object != NULL)
        check_list (qmig_api_types[i], object);
    }

  if (g_utf8_validate_len (text, size, NULL))
    {
      g_autofree char *time = g_strndup (text, size);

      api_time_parse (time);
    }

  return 0;
}
