/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "json-strict.h"
#include "qmig-check-vmstate.h"

static JsonObject *
parse (const char *text)
{
  g_autofree char *json = g_strdelimit (g_strdup (text), "'", '"');
  g_autoptr(GError) error = NULL;
  JsonObject *object = json_strict_parse_object (json, strlen (json), &json_strict_limits_api, &error);

  g_assert_no_error (error);
  return object;
}

/* -- pairs of descriptions ------------------------------------------------------- */

#define FIELD(name, size) "{'field': '" name "', 'version_id': 0, 'size': " #size "}"
#define ARRAY(name, size, num) "{'field': '" name "', 'version_id': 0, 'size': " #size ", 'num': " #num "}"
#define OPTIONAL(name, size) "{'field': '" name "', 'version_id': 0, 'field_exists': true, 'size': " #size "}"
#define SINCE(version, name, size) "{'field': '" name "', 'version_id': " #version ", 'size': " #size "}"
#define STRUCT(name, fields) "{'field': '" name "', 'version_id': 0, 'size': 99, 'Description': {'name': 'inner', 'version_id': 1, 'Fields': [" fields "]}}"
#define DEVICE(version, minimum, fields)                                                                               \
  "{'name': 'dev', 'version_id': " #version ", 'minimum_version_id': " #minimum ", 'Fields': [" fields "]}"
#define WITH_SUBSECTION(fields)                                                                                        \
  "{'name': 'dev', 'version_id': 1, 'minimum_version_id': 1, 'Subsections': [{'name': 'dev/sub', 'version_id': 1, 'Fields': [" fields "]}]}"

typedef struct
{
  const char *name;
  const char *ours, *theirs;
  const char *sent, *awaited; /* of the finding; NULL: none */
  gboolean fatal;
} Pair;

static const Pair pairs[] = {
  { "same", DEVICE (2, 1, FIELD ("a", 4)), DEVICE (2, 1, FIELD ("a", 4)), NULL, NULL, FALSE },
  { "renamed", DEVICE (1, 1, FIELD ("a", 4)), DEVICE (1, 1, FIELD ("b", 4)), NULL, NULL, FALSE },
  { "into a structure", DEVICE (1, 1, FIELD ("a", 4) "," FIELD ("b", 2)), DEVICE (1, 1, STRUCT ("s", FIELD ("a", 4)) "," FIELD ("b", 2)), NULL, NULL, FALSE },
  { "out of a structure", DEVICE (1, 1, STRUCT ("s", FIELD ("a", 4))), DEVICE (1, 1, FIELD ("a", 4)), NULL, NULL, FALSE },
  { "added for newer versions", DEVICE (1, 1, FIELD ("a", 4)), DEVICE (2, 1, FIELD ("a", 4) "," SINCE (2, "b", 8)), NULL, NULL, FALSE },
  { "no longer used", DEVICE (1, 1, FIELD ("a", 8)), DEVICE (1, 1, FIELD ("unused", 8)), NULL, NULL, FALSE },
  { "no longer used, an array", DEVICE (1, 1, FIELD ("a", 4)), DEVICE (1, 1, FIELD ("unused", 20)), NULL, NULL, FALSE },
  { "array as one", DEVICE (1, 1, ARRAY ("a", 4, 5)), DEVICE (1, 1, ARRAY ("a", 1, 20)), NULL, NULL, FALSE },
  { "an older dump does not count", DEVICE (1, 1, FIELD ("a", 4)), DEVICE (1, 1, ARRAY ("a", 4, 5)), NULL, NULL, FALSE },
  { "new, by the machine type", DEVICE (1, 1, FIELD ("a", 4)), DEVICE (1, 1, OPTIONAL ("t", 8) "," FIELD ("a", 4)), NULL, NULL, FALSE },
  { "left out, by the machine type", DEVICE (1, 1, FIELD ("a", 4) "," OPTIONAL ("t", 8)), DEVICE (1, 1, FIELD ("a", 4)), NULL, NULL, FALSE },
  { "a subsection of the source's", WITH_SUBSECTION (FIELD ("a", 4)), "{'name': 'dev', 'version_id': 1, 'minimum_version_id': 1}", NULL, NULL, FALSE },

  { "older version", DEVICE (3, 1, FIELD ("a", 4)), DEVICE (2, 1, FIELD ("a", 4)), "dev: version 3", "dev: versions 1 to 2", TRUE },
  { "version given up", DEVICE (1, 1, FIELD ("a", 4)), DEVICE (4, 3, FIELD ("a", 4)), "dev: version 1", "dev: versions 3 to 4", TRUE },
  { "other name", "{'name': 'old', 'version_id': 1}", "{'name': 'new', 'version_id': 1}", "sends 'old'", "knows 'new'", TRUE },
  { "other size", DEVICE (1, 1, FIELD ("a", 4)), DEVICE (1, 1, FIELD ("a", 8)), "dev: a, 4 bytes", "dev: a, 8 bytes", FALSE },
  { "other size, by the machine type", DEVICE (1, 1, OPTIONAL ("a", 4)), DEVICE (1, 1, OPTIONAL ("a", 8)), "dev: a, 4 bytes", "dev: a, 8 bytes", FALSE },
  { "other length", DEVICE (1, 1, ARRAY ("a", 4, 5)), DEVICE (1, 1, ARRAY ("a", 4, 6)), "dev: a, 5 times 4 bytes", "dev: a, 6 times 4 bytes", FALSE },
  { "field is new", DEVICE (1, 1, FIELD ("a", 4)), DEVICE (1, 1, FIELD ("a", 4) "," FIELD ("b", 1)), "dev: ends", "dev: b, 1 bytes", FALSE },
  { "field is gone", DEVICE (1, 1, FIELD ("a", 4) "," FIELD ("b", 1)), DEVICE (1, 1, FIELD ("a", 4)), "dev: b, 1 bytes", "dev: ends", FALSE },
  { "in a structure", DEVICE (1, 1, STRUCT ("s", FIELD ("a", 4))), DEVICE (1, 1, STRUCT ("s", FIELD ("a", 2))), "dev: a, 4 bytes", "dev: a, 2 bytes", FALSE },
  { "in a subsection", WITH_SUBSECTION (FIELD ("a", 4)), WITH_SUBSECTION (FIELD ("a", 2)), "dev/sub: a, 4 bytes", "dev/sub: a, 2 bytes", FALSE },
};

static void
test_pair (gconstpointer data)
{
  const Pair *pair = data;
  g_autoptr(JsonObject) ours = parse (pair->ours);
  g_autoptr(JsonObject) theirs = parse (pair->theirs);
  g_autoptr(GPtrArray) findings = g_ptr_array_new_with_free_func ((GDestroyNotify) qmig_vmstate_finding_free);
  const QmigVmstateFinding *finding;

  qmig_vmstate_compare (ours, theirs, findings);
  g_assert_cmpuint (findings->len, ==, pair->sent != NULL ? 1 : 0);
  if (pair->sent == NULL)
    return;
  finding = g_ptr_array_index (findings, 0);
  g_assert_cmpstr (finding->ours, ==, pair->sent);
  g_assert_cmpstr (finding->theirs, ==, pair->awaited);
  g_assert_cmpint (finding->fatal, ==, pair->fatal);
}

/* -- what real QEMUs say ---------------------------------------------------------- */

/* Of machine type pc-q35-7.2, by Debian's 7.2.22 and 10.0: some types of devices. */
static JsonObject *
specimen (const char *version)
{
  g_autofree char *name = g_strdup_printf ("vmstate-%s.json", version);
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "specimen", name, NULL);
  g_autofree char *text = NULL;
  g_autoptr(GError) error = NULL;

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  return parse (text);
}

/* Takes over both. */
static QmigCheck *
check (JsonObject *sent, JsonObject *awaited)
{
  g_autoptr(JsonObject) ours = sent;
  g_autoptr(QmigFacts) facts = qmig_facts_new ();
  g_autoptr(GPtrArray) checks = g_ptr_array_new_with_free_func ((GDestroyNotify) qmig_check_free);

  facts->vmstate = awaited != NULL ? json_node_init_object (json_node_alloc (), awaited) : NULL;
  if (awaited != NULL)
    json_object_unref (awaited);
  qmig_check_vmstate (ours, facts, "beta", checks);
  g_assert_cmpuint (checks->len, ==, 1);
  return qmig_check_copy (g_ptr_array_index (checks, 0));
}

/* The types that a PC has by default, and those of virtio, go both ways. */
static void
assert_only_scsi_differs (const char *from, const char *to)
{
  JsonObject *ours = specimen (from);
  g_autoptr(QmigCheck) all = check (json_object_ref (ours), specimen (to));
  g_autoptr(QmigCheck) usual = NULL;

  g_assert_cmpint (all->status, ==, QMIG_CHECK_WARN);
  g_assert_cmpstr (all->text, ==, "QEMU on 'beta' awaits the state of am53c974 in another form");
  g_assert_nonnull (all->source);
  json_object_remove_member (ours, "am53c974");
  usual = check (ours, specimen (to));
  g_assert_cmpint (usual->status, ==, QMIG_CHECK_OK);
}

static void
test_forward (void)
{
  assert_only_scsi_differs ("7.2", "10.0");
}

static void
test_backward (void)
{
  assert_only_scsi_differs ("10.0", "7.2");
}

static void
test_unknown (void)
{
  g_autoptr(QmigCheck) theirs = check (specimen ("7.2"), NULL);
  g_autoptr(QmigCheck) ours = check (NULL, specimen ("7.2"));

  g_assert_cmpint (theirs->status, ==, QMIG_CHECK_OK);
  g_assert_nonnull (strstr (theirs->text, "not known: the destination's QEMU"));
  g_assert_cmpint (ours->status, ==, QMIG_CHECK_OK);
  g_assert_nonnull (strstr (ours->text, "not known: the source's QEMU"));
}

/* Only what the VM has counts: a difference in another device is no finding. */
static void
test_fail (void)
{
  g_autoptr(QmigCheck) verdict = check (parse ("{'x': " DEVICE (3, 1, FIELD ("a", 4)) "}"),
                                        parse ("{'x': " DEVICE (2, 1, FIELD ("a", 4)) ", 'y': " DEVICE (1, 1, FIELD ("a", 4)) "}"));

  g_assert_cmpint (verdict->status, ==, QMIG_CHECK_FAIL);
  g_assert_cmpstr (verdict->source, ==, "dev: version 3");
  g_assert_cmpstr (verdict->destination, ==, "dev: versions 1 to 2");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (pairs); i++)
    {
      g_autofree char *path = g_strdup_printf ("/check-vmstate/pair/%s", pairs[i].name);

      g_test_add_data_func (path, &pairs[i], test_pair);
    }
  g_test_add_func ("/check-vmstate/7.2-to-10.0", test_forward);
  g_test_add_func ("/check-vmstate/10.0-to-7.2", test_backward);
  g_test_add_func ("/check-vmstate/unknown", test_unknown);
  g_test_add_func ("/check-vmstate/fail", test_fail);
  return g_test_run ();
}
