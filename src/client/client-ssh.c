/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "client-ssh.h"

#include <string.h>
#include <sys/wait.h>

#include "client-dirs.h"

/* Exit statuses: of ssh itself, and of the far shell for a program that is not there or cannot be run. */
#define SSH_FAILED 255
#define SHELL_CANNOT_RUN 126
#define SHELL_NOT_FOUND 127

void
client_ssh_free (ClientSsh *self)
{
  g_free (self->uri);
  g_free (self->destination);
  g_free (self->program);
  g_free (self);
}

/* -- where to ----------------------------------------------------------------- */

/* Neither an option, nor anything that ssh's config or a shell behind it might expand. */
static gboolean
is_plain (const char *word, const char *also)
{
  if (word[0] == '\0' || word[0] == '-')
    return FALSE;

  for (const char *p = word; *p != '\0'; p++)
    {
      if (!g_ascii_isalnum (*p) && strchr (also, *p) == NULL)
        return FALSE;
    }
  return TRUE;
}

static gboolean
read_uri (ClientSsh *self, const char *uri)
{
  g_autofree char *scheme = NULL;
  g_autofree char *user = NULL;
  g_autofree char *password = NULL;
  g_autofree char *host = NULL;
  g_autofree char *path = NULL;
  g_autofree char *query = NULL;
  g_autofree char *fragment = NULL;
  int port = -1;

  if (!g_uri_split_with_user (uri, G_URI_FLAGS_HAS_PASSWORD, &scheme, &user, &password, NULL, &host, &port, &path,
                              &query, &fragment, NULL))
    return FALSE;
  if (g_strcmp0 (scheme, "ssh") != 0 || password != NULL || query != NULL || fragment != NULL || port == 0
      || (path[0] != '\0' && !g_str_equal (path, "/")))
    return FALSE;
  if (host == NULL || !is_plain (host, "._-:") || (user != NULL && !is_plain (user, "._-")))
    return FALSE;

  self->destination = user != NULL ? g_strconcat (user, "@", host, NULL) : g_strdup (host);
  self->port = MAX (port, 0);
  return TRUE;
}

/* A tilde in front stays the far shell's. */
static char *
quote_program (const char *program)
{
  g_autofree char *rest = NULL;

  if (!g_str_has_prefix (program, "~/"))
    return g_shell_quote (program);

  rest = g_shell_quote (program + strlen ("~/"));
  return g_strconcat ("~/", rest, NULL);
}

ClientSsh *
client_ssh_new (const char *uri, GError **error)
{
  g_autoptr(ClientSsh) self = g_new0 (ClientSsh, 1);
  g_autofree char *program = NULL;

  if (!read_uri (self, uri))
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE,
                   "cannot use '%s' as the address of an agent: expected ssh://[USER@]HOST[:PORT]", uri);
      return NULL;
    }

  program = qmig_client_get_far_program (uri, error);
  if (program == NULL)
    return NULL;

  self->uri = g_strdup (uri);
  self->program = quote_program (program);
  return g_steal_pointer (&self);
}

/* -- command lines -------------------------------------------------------------- */

static void
add_option (GStrvBuilder *argv, const char *option)
{
  g_strv_builder_add_many (argv, "-o", option, NULL);
}

/* The user's own ssh with the user's own config, save for what would get into the way of a connection that nobody watches. */
static GStrvBuilder *
begin_argv (const ClientSsh *self, const char *control_path, GError **error)
{
  static const char *const options[]
      = { "BatchMode=yes",     "ConnectTimeout=10", "ServerAliveInterval=5", "ClearAllForwardings=yes",
          "RemoteCommand=none", "LogLevel=ERROR" };
  const char *ssh = g_getenv ("QMIG_SSH");
  g_autoptr(GStrvBuilder) argv = g_strv_builder_new ();
  g_autofree char *control = g_strdup_printf ("ControlPath=%s", control_path != NULL ? control_path : "none");
  g_auto(GStrv) words = NULL;

  if (!g_shell_parse_argv (ssh != NULL && ssh[0] != '\0' ? ssh : "ssh", NULL, &words, error))
    {
      g_prefix_error (error, "cannot read QMIG_SSH: ");
      return NULL;
    }

  g_strv_builder_addv (argv, (const char **) words);
  g_strv_builder_add_many (argv, "-T", "-a", "-x", NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (options); i++)
    add_option (argv, options[i]);
  add_option (argv, control_path != NULL ? "ControlMaster=auto" : "ControlMaster=no");
  add_option (argv, control);
  return g_steal_pointer (&argv);
}

static void
add_destination (const ClientSsh *self, GStrvBuilder *argv)
{
  g_autofree char *port = g_strdup_printf ("%d", self->port);

  if (self->port > 0)
    g_strv_builder_add_many (argv, "-p", port, NULL);
  g_strv_builder_add (argv, self->destination);
}

char **
client_ssh_dial_argv (const ClientSsh *self, const char *control_path, const char *migration, GError **error)
{
  g_autoptr(GStrvBuilder) argv = NULL;

  if (migration != NULL && !is_plain (migration, "._-"))
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE, "'%s' is not the id of a migration", migration);
      return NULL;
    }

  argv = begin_argv (self, control_path, error);
  if (argv == NULL)
    return NULL;

  if (control_path != NULL)
    add_option (argv, "ControlPersist=60");
  add_destination (self, argv);
  g_strv_builder_add_many (argv, "--", self->program, "agent", "dial-stdio", NULL);
  if (migration != NULL)
    g_strv_builder_add_many (argv, "--migration", migration, NULL);
  return g_strv_builder_end (argv);
}

char **
client_ssh_exit_argv (const ClientSsh *self, const char *control_path, GError **error)
{
  g_autoptr(GStrvBuilder) argv = begin_argv (self, control_path, error);

  if (argv == NULL)
    return NULL;

  g_strv_builder_add_many (argv, "-O", "exit", NULL);
  add_destination (self, argv);
  return g_strv_builder_end (argv);
}

/* -- why it ended ------------------------------------------------------------------ */

typedef struct
{
  const char *said; /* by OpenSSH, which does not translate what it says */
  QmigExit code;
  const char *meaning;
  const char *cure; /* %s: the command that logs in by hand (nullable) */
} Reason;

static const Reason reasons[] = {
  { "HOST IDENTIFICATION HAS CHANGED", QMIG_EXIT_DENIED, "its host key is not the one that ssh knows",
    "run '%s' once and compare the key: it was installed anew, or somebody stands in between" },
  { "Host key verification failed", QMIG_EXIT_DENIED, "ssh does not know its host key",
    "run '%s' once and compare the key" },
  { "Permission denied", QMIG_EXIT_DENIED, "ssh is not let in without being asked for anything",
    "put your public key there with ssh-copy-id, load it with ssh-add, then try '%s -o BatchMode=yes'" },
  { "Too many authentication failures", QMIG_EXIT_DENIED, "ssh offered too many keys",
    "name the right one in ssh's config (IdentityFile, IdentitiesOnly), then try '%s -o BatchMode=yes'" },
  { "Could not resolve hostname", QMIG_EXIT_UNREACHABLE, "its name cannot be resolved", NULL },
  { "Connection refused", QMIG_EXIT_UNREACHABLE, "nobody listens for ssh there", NULL },
  { "timed out", QMIG_EXIT_UNREACHABLE, "ssh got no answer in time", NULL },
  { "No route to host", QMIG_EXIT_UNREACHABLE, "there is no way to it", NULL },
  { "Network is unreachable", QMIG_EXIT_UNREACHABLE, "there is no way to it", NULL },
};

/* The last line that is not empty.  (transfer full) (nullable) */
static char *
last_line (const char *text)
{
  g_auto(GStrv) lines = g_strsplit_set (text, "\r\n", -1);

  for (gsize i = g_strv_length (lines); i > 0; i--)
    {
      g_autofree char *line = g_utf8_make_valid (g_strstrip (lines[i - 1]), -1);

      if (line[0] != '\0')
        return g_steal_pointer (&line);
    }
  return NULL;
}

static char *
login_by_hand (const ClientSsh *self)
{
  return self->port > 0 ? g_strdup_printf ("ssh -p %d %s", self->port, self->destination)
                        : g_strdup_printf ("ssh %s", self->destination);
}

static GError *
explain_ssh (const ClientSsh *self, const char *text, const char *line)
{
  g_autofree char *login = login_by_hand (self);

  for (gsize i = 0; i < G_N_ELEMENTS (reasons); i++)
    {
      const Reason *reason = &reasons[i];
      g_autofree char *cure = reason->cure != NULL ? g_strdup_printf (reason->cure, login) : NULL;

      if (strstr (text, reason->said) != NULL)
        return g_error_new (QMIG_ERROR, reason->code, "%s (%s)%s%s", reason->meaning, line, cure != NULL ? "; " : "",
                            cure != NULL ? cure : "");
    }

  if (line == NULL)
    return g_error_new (QMIG_ERROR, QMIG_EXIT_UNREACHABLE, "ssh lost the connection and gave no reason; try '%s'", login);
  return g_error_new (QMIG_ERROR, QMIG_EXIT_UNREACHABLE, "ssh failed (%s)", line);
}

/* The far qmig's own codes stay what they are; it knows its side best. */
static GError *
explain_far (const ClientSsh *self, int status, const char *line)
{
  const char *reason = line != NULL && g_str_has_prefix (line, "qmig: ") ? line + strlen ("qmig: ") : line;
  gboolean same = status == QMIG_EXIT_NOT_FOUND || status == QMIG_EXIT_DENIED || status == QMIG_EXIT_UNSUPPORTED;

  if (status == SHELL_NOT_FOUND || status == SHELL_CANNOT_RUN)
    return g_error_new (QMIG_ERROR, QMIG_EXIT_UNREACHABLE,
                        "qmig cannot be run there (%s); install the same version of qmig there, or say where it is with "
                        "'qmig = PATH' in the [host …] group of the config file",
                        line != NULL ? line : "it was not found");
  if (status == QMIG_EXIT_USAGE)
    return g_error_new (QMIG_ERROR, QMIG_EXIT_UNSUPPORTED,
                        "the qmig there does not know 'agent dial-stdio' (%s); install the same version of qmig on both "
                        "sides",
                        line != NULL ? line : "it gave no reason");
  if (reason == NULL)
    return g_error_new (QMIG_ERROR, QMIG_EXIT_UNREACHABLE, "%s ended there with status %d and gave no reason",
                        self->program, status);
  return g_error_new (QMIG_ERROR, same ? status : QMIG_EXIT_UNREACHABLE, "it says: %s", reason);
}

GError *
client_ssh_explain (const ClientSsh *self, int wait_status, const char *text)
{
  g_autofree char *line = last_line (text);

  if (WIFSIGNALED (wait_status))
    return g_error_new (QMIG_ERROR, QMIG_EXIT_UNREACHABLE, "ssh was ended by signal %d", WTERMSIG (wait_status));
  if (WEXITSTATUS (wait_status) == 0)
    return NULL;
  if (WEXITSTATUS (wait_status) == SSH_FAILED)
    return explain_ssh (self, text, line);
  return explain_far (self, WEXITSTATUS (wait_status), line);
}
