/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fake-qemu.h"

#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>

#include "json-strict.h"
#include "qmp-framing.h"

#define LIMIT_SECONDS 30

static const struct
{
  const char *command;
  const char *json;
} defaults[] = {
  { "qmp_capabilities", "{}" },
  { "query-migrate", "{}" },
  { "query-name", "{'name': 'fake'}" },
  { "query-uuid", "{'UUID': '6f1c2a34-5b7d-4e8f-9a0b-1c2d3e4f5a6b'}" },
  { "query-kvm", "{'enabled': true, 'present': true}" },
  { "query-memory-size-summary", "{'base-memory': 134217728, 'plugged-memory': 0}" },
  { "query-cpus-fast", "[{'cpu-index': 0, 'qom-path': '/machine/unattached/device[0]', 'thread-id': 1}]" },
  { "query-machines",
    "[{'name': 'pc-q35-7.2', 'alias': 'q35', 'cpu-max': 288}, {'name': 'pc-i440fx-7.2', 'alias': 'pc', 'cpu-max': 255},"
    " {'name': 'none', 'cpu-max': 1}]" },
  { "query-jobs", "[]" },
  { "query-block", "[]" },
  { "qom-get", "'pc-q35-7.2-machine'" },
  { "qom-list", "[{'name': 'type', 'type': 'string'}]" },
  { "query-migrate-capabilities",
    "[{'capability': 'xbzrle', 'state': false}, {'capability': 'auto-converge', 'state': false},"
    " {'capability': 'events', 'state': false}, {'capability': 'return-path', 'state': false},"
    " {'capability': 'pause-before-switchover', 'state': false}, {'capability': 'multifd', 'state': false},"
    " {'capability': 'late-block-activate', 'state': false}, {'capability': 'postcopy-ram', 'state': false}]" },
  { "query-migrate-parameters",
    "{'max-bandwidth': 134217728, 'downtime-limit': 300, 'multifd-channels': 2, 'tls-creds': '', 'tls-hostname': ''}" },
  { "query-yank", "[]" },
  { "query-qmp-schema", "[]" },
  { "yank", "{}" },
  { "migrate-set-capabilities", "{}" },
  { "migrate-set-parameters", "{}" },
  { "migrate-incoming", "{}" },
  { "migrate", "{}" },
  { "migrate-continue", "{}" },
  { "migrate_cancel", "{}" },
  { "announce-self", "{}" },
};

static const char *const oob_commands[] = { "migrate-recover", "migrate-pause", "yank", "query-yank", NULL };

typedef enum
{
  ANSWER_DEFAULT,
  ANSWER_REPLY,
  ANSWER_FAIL,
  ANSWER_NONE,
  ANSWER_HANG_UP,
  ANSWER_RAW,
} AnswerKind;

typedef struct
{
  char *name;
  char *data_json;
} Event;

typedef struct
{
  AnswerKind kind;
  char *text; /* JSON, description or bytes */
  char *klass;
  gboolean is_held;
  FakeQemuFunc func;
  gpointer data;
  GPtrArray *before; /* (element-type Event) */
  GPtrArray *after;  /* (element-type Event) */
} Rule;

typedef struct
{
  char *name;
  JsonNode *id; /* (nullable) */
  JsonObject *arguments;
  gboolean out_of_band;
} Command;

/* What the test's thread may look at. */
typedef struct
{
  char *name;
  char *arguments_json; /* (nullable) */
  gboolean out_of_band;
} Seen;

struct _FakeQemu
{
  GThread *thread;
  GMainContext *context;
  GMainLoop *loop;
  char *path; /* (nullable) */

  /* Of the fake's thread alone. */
  GSocket *listener;
  GSource *acceptable;
  GSource *readable;
  QmpFraming *framing;
  gboolean is_negotiated;
  gboolean has_oob;
  GQueue held;
  GQueue frozen;

  GMutex lock; /* for all that follows */
  GCond changed;
  GSocket *client;
  gboolean is_client_due; /* handed over by fake_qemu_connect() and not taken yet */
  GHashTable *rules;
  GPtrArray *seen; /* (element-type Seen) */
  char *greeting;  /* (nullable) */
  int version[3];
  gboolean offers_oob;
  gboolean is_pretty;
  gboolean is_frozen;
  gsize chunk;
  char *run_state;
};

static void
event_free (gpointer data)
{
  Event *event = data;

  g_free (event->name);
  g_free (event->data_json);
  g_free (event);
}

static void
rule_free (gpointer data)
{
  Rule *rule = data;

  g_free (rule->text);
  g_free (rule->klass);
  g_ptr_array_unref (rule->before);
  g_ptr_array_unref (rule->after);
  g_free (rule);
}

static void
command_free (gpointer data)
{
  Command *command = data;

  g_free (command->name);
  g_clear_pointer (&command->id, json_node_unref);
  g_clear_pointer (&command->arguments, json_object_unref);
  g_free (command);
}

static void
seen_free (gpointer data)
{
  Seen *seen = data;

  g_free (seen->name);
  g_free (seen->arguments_json);
  g_free (seen);
}

static Seen *
seen_new (const Command *command)
{
  Seen *seen = g_new0 (Seen, 1);

  seen->name = g_strdup (command->name);
  seen->arguments_json = command->arguments ? json_strict_print_object (command->arguments) : NULL;
  seen->out_of_band = command->out_of_band;
  return seen;
}

static const JsonStrictLimits limits = { 64 * 1024 * 1024, 1024 };

/* @json: what was printed by us */
static JsonObject *
parse_object (const char *json)
{
  g_autoptr(GError) error = NULL;
  JsonObject *object = json_strict_parse_object (json, strlen (json), &limits, &error);

  g_assert_no_error (error);
  return object;
}

/* @json: of the script.  Returns: (transfer full) */
static JsonNode *
parse (const char *json)
{
  g_autofree char *text = g_strdelimit (g_strdup (json), "'", '"');
  g_autoptr(GError) error = NULL;
  JsonNode *node = json_strict_parse (text, strlen (text), &limits, &error);

  if (!node)
    g_error ("the script of the fake QEMU is wrong: %s: %s", error->message, json);
  return node;
}

/* What is sent; all in the fake's thread. */

static void hang_up (FakeQemu *self);

static void
write_bytes (FakeQemu *self, const char *bytes, gsize length)
{
  GSocket *client = self->client;
  gsize chunk;

  g_mutex_lock (&self->lock);
  chunk = self->chunk ? self->chunk : length;
  g_mutex_unlock (&self->lock);

  while (client && length > 0)
    {
      gssize written = g_socket_send_with_blocking (client, bytes, MIN (length, chunk), TRUE, NULL, NULL);

      /* The client went away: reading will tell. */
      if (written <= 0)
        return;
      bytes += written;
      length -= (gsize) written;
    }
}

static char *
print (FakeQemu *self, JsonObject *message)
{
  g_autoptr(JsonNode) node = json_node_init_object (json_node_alloc (), message);
  g_autofree char *text = json_to_string (node, self->is_pretty);
  g_auto(GStrv) lines = g_strsplit (text, "\n", -1);
  g_autofree char *joined = g_strjoinv ("\r\n", lines);

  return g_strconcat (joined, "\r\n", NULL);
}

static void
add_message (FakeQemu *self, GString *output, JsonObject *message)
{
  g_autofree char *text = print (self, message);

  g_string_append (output, text);
}

static void
add_event (FakeQemu *self, GString *output, const char *name, const char *data_json)
{
  g_autoptr(JsonObject) message = json_object_new ();
  JsonObject *stamp = json_object_new ();
  gint64 now = g_get_real_time ();

  json_object_set_int_member (stamp, "seconds", now / G_USEC_PER_SEC);
  json_object_set_int_member (stamp, "microseconds", now % G_USEC_PER_SEC);
  json_object_set_object_member (message, "timestamp", stamp);
  json_object_set_string_member (message, "event", name);
  if (data_json)
    json_object_set_member (message, "data", parse (data_json));
  add_message (self, output, message);
}

static void
add_events (FakeQemu *self, GString *output, GPtrArray *events)
{
  for (guint i = 0; events && i < events->len; i++)
    {
      const Event *event = g_ptr_array_index (events, i);

      add_event (self, output, event->name, event->data_json);
    }
}

static void
add_reply (FakeQemu *self, GString *output, const Command *command, const char *json)
{
  g_autoptr(JsonObject) message = json_object_new ();

  json_object_set_member (message, "return", parse (json));
  if (command->id)
    json_object_set_member (message, "id", json_node_copy (command->id));
  add_message (self, output, message);
}

/* @command: (nullable): without, the error has no id */
static void
add_error (FakeQemu *self, GString *output, const Command *command, const char *klass, const char *desc)
{
  g_autoptr(JsonObject) message = json_object_new ();
  JsonObject *error = json_object_new ();

  json_object_set_string_member (error, "class", klass);
  json_object_set_string_member (error, "desc", desc);
  json_object_set_object_member (message, "error", error);
  if (command && command->id)
    json_object_set_member (message, "id", json_node_copy (command->id));
  add_message (self, output, message);
}

static void
add_not_found (FakeQemu *self, GString *output, const Command *command)
{
  g_autofree char *desc = g_strdup_printf ("The command %s has not been found", command->name);

  add_error (self, output, command, "CommandNotFound", desc);
}

/* How commands are answered. */

static void
set_run_state (FakeQemu *self, const char *state)
{
  g_free (self->run_state);
  self->run_state = g_strdup (state);
}

static void
add_status (FakeQemu *self, GString *output, const Command *command)
{
  g_autofree char *json =
      g_strdup_printf ("{'status': '%s', 'singlestep': false, 'running': %s}", self->run_state,
                       g_strcmp0 (self->run_state, "running") == 0 ? "true" : "false");

  add_reply (self, output, command, json);
}

static void
add_default (FakeQemu *self, GString *output, const Command *command)
{
  gboolean is_stop = g_str_equal (command->name, "stop");

  if (g_str_equal (command->name, "query-status"))
    {
      add_status (self, output, command);
      return;
    }
  if (g_str_equal (command->name, "quit"))
    {
      add_reply (self, output, command, "{}");
      return;
    }
  if (is_stop || g_str_equal (command->name, "cont"))
    {
      if (g_str_equal (self->run_state, "running") == is_stop)
        add_event (self, output, is_stop ? "STOP" : "RESUME", NULL);
      set_run_state (self, is_stop ? "paused" : "running");
      add_reply (self, output, command, "{}");
      return;
    }

  for (gsize i = 0; i < G_N_ELEMENTS (defaults); i++)
    if (g_str_equal (command->name, defaults[i].command))
      {
        add_reply (self, output, command, defaults[i].json);
        return;
      }
  add_not_found (self, output, command);
}

static void
add_answer (FakeQemu *self, GString *output, const Command *command, const Rule *rule)
{
  switch (rule ? rule->kind : ANSWER_DEFAULT)
    {
    case ANSWER_DEFAULT:
      add_default (self, output, command);
      break;
    case ANSWER_REPLY:
      add_reply (self, output, command, rule->text);
      break;
    case ANSWER_FAIL:
      add_error (self, output, command, rule->klass, rule->text);
      break;
    case ANSWER_RAW:
      g_string_append (output, rule->text);
      break;
    case ANSWER_NONE:
    case ANSWER_HANG_UP:
      break;
    }
}

/* (transfer full) (nullable): what the test's own function answers */
static char *
ask_func (FakeQemu *self, const Command *command)
{
  FakeQemuFunc func = NULL;
  gpointer data = NULL;
  Rule *rule;

  g_mutex_lock (&self->lock);
  rule = g_hash_table_lookup (self->rules, command->name);
  if (rule)
    {
      func = rule->func;
      data = rule->data;
    }
  g_mutex_unlock (&self->lock);
  return func ? func (self, command->name, command->arguments, data) : NULL;
}

static void
stop_listening (FakeQemu *self)
{
  if (self->acceptable)
    {
      g_source_destroy (self->acceptable);
      g_clear_pointer (&self->acceptable, g_source_unref);
    }
  if (self->listener)
    {
      g_socket_close (self->listener, NULL);
      g_clear_object (&self->listener);
      g_unlink (self->path);
    }
}

static void
answer (FakeQemu *self, const Command *command)
{
  g_autofree char *own = ask_func (self, command);
  g_autoptr(GString) output = g_string_new (NULL);
  gboolean is_quit = g_str_equal (command->name, "quit");
  gboolean is_over;
  Rule *rule;

  g_mutex_lock (&self->lock);
  rule = g_hash_table_lookup (self->rules, command->name);
  add_events (self, output, rule ? rule->before : NULL);
  if (own)
    add_reply (self, output, command, own);
  else
    add_answer (self, output, command, rule);
  add_events (self, output, rule ? rule->after : NULL);
  is_quit &= !rule || rule->kind == ANSWER_DEFAULT;
  is_over = is_quit || (rule && rule->kind == ANSWER_HANG_UP);
  g_mutex_unlock (&self->lock);

  write_bytes (self, output->str, output->len);
  if (is_quit)
    stop_listening (self);
  if (is_over)
    hang_up (self);
}

static void
take_turn (FakeQemu *self, Command *command)
{
  gboolean is_frozen;
  gboolean is_held;
  Rule *rule;

  g_mutex_lock (&self->lock);
  rule = g_hash_table_lookup (self->rules, command->name);
  is_held = rule && rule->is_held;
  is_frozen = self->is_frozen && !command->out_of_band;
  g_mutex_unlock (&self->lock);

  if (is_frozen)
    g_queue_push_tail (&self->frozen, command);
  else if (is_held)
    g_queue_push_tail (&self->held, command);
  else
    {
      answer (self, command);
      command_free (command);
    }
}

static void
negotiate (FakeQemu *self, const Command *command)
{
  g_autoptr(GString) output = g_string_new (NULL);
  JsonArray *enable = json_strict_array (command->arguments, "enable");
  gboolean wants_oob = enable && json_array_get_length (enable) > 0;

  g_mutex_lock (&self->lock);
  if (wants_oob && !self->offers_oob)
    add_error (self, output, command, "GenericError", "Capability oob not available");
  else
    {
      self->has_oob = wants_oob;
      self->is_negotiated = TRUE;
    }
  g_mutex_unlock (&self->lock);

  if (self->is_negotiated)
    answer (self, command);
  else
    write_bytes (self, output->str, output->len);
}

/* %FALSE if @command is refused, whatever the script says; the refusal is sent then. */
static gboolean
check_command (FakeQemu *self, const Command *command)
{
  g_autoptr(GString) output = g_string_new (NULL);

  g_mutex_lock (&self->lock);
  if (!self->is_negotiated)
    add_error (self, output, command, "CommandNotFound",
               "Expecting capabilities negotiation with 'qmp_capabilities'");
  else if (g_str_equal (command->name, "qmp_capabilities"))
    add_error (self, output, command, "CommandNotFound",
               "Capabilities negotiation is already complete, command ignored");
  else if (command->out_of_band && !self->has_oob)
    add_error (self, output, command, "GenericError", "QMP input member 'exec-oob' is unexpected");
  else if (command->out_of_band && !g_strv_contains (oob_commands, command->name))
    add_error (self, output, command, "GenericError", "The command does not support OOB");
  g_mutex_unlock (&self->lock);

  write_bytes (self, output->str, output->len);
  return output->len == 0;
}

static void
take_message (FakeQemu *self, JsonObject *message)
{
  Command *command = g_new0 (Command, 1);

  command->out_of_band = json_object_has_member (message, "exec-oob");
  command->name = g_strdup (json_strict_string (message, command->out_of_band ? "exec-oob" : "execute", "?"));
  command->id = json_object_dup_member (message, "id");
  if (json_strict_object (message, "arguments"))
    command->arguments = json_object_ref (json_strict_object (message, "arguments"));

  g_mutex_lock (&self->lock);
  g_ptr_array_add (self->seen, seen_new (command));
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);

  if (!self->is_negotiated && g_str_equal (command->name, "qmp_capabilities"))
    {
      negotiate (self, command);
      command_free (command);
    }
  else if (check_command (self, command))
    take_turn (self, command);
  else
    command_free (command);
}

/* The client: coming, talking, going. */

static void
refuse_input (FakeQemu *self)
{
  g_autoptr(GString) output = g_string_new (NULL);

  qmp_framing_free (self->framing);
  self->framing = qmp_framing_new (64 * 1024 * 1024, 1024);
  g_mutex_lock (&self->lock);
  add_error (self, output, NULL, "GenericError", "JSON parse error, stray input");
  g_mutex_unlock (&self->lock);
  write_bytes (self, output->str, output->len);
}

static gboolean
on_readable (GSocket *socket, GIOCondition condition, gpointer data)
{
  FakeQemu *self = data;
  char bytes[4096];
  gssize length = g_socket_receive_with_blocking (socket, bytes, sizeof bytes, FALSE, NULL, NULL);

  if (length <= 0)
    {
      hang_up (self);
      return G_SOURCE_REMOVE;
    }

  qmp_framing_push (self->framing, bytes, (gsize) length);
  while (self->client == socket)
    {
      g_autoptr(JsonObject) message = NULL;

      if (!qmp_framing_next (self->framing, &message, NULL))
        refuse_input (self);
      else if (message)
        take_message (self, message);
      else
        break;
    }
  return G_SOURCE_CONTINUE;
}

static void
greet (FakeQemu *self)
{
  g_autofree char *text = NULL;

  g_mutex_lock (&self->lock);
  if (self->greeting)
    text = g_strdup (self->greeting);
  else
    {
      g_autofree char *json =
          g_strdup_printf ("{'QMP': {'version': {'qemu': {'micro': %d, 'minor': %d, 'major': %d},"
                           " 'package': 'Debian 1:%d.%d+dfsg'}, 'capabilities': [%s]}}",
                           self->version[2], self->version[1], self->version[0], self->version[0], self->version[1],
                           self->offers_oob ? "'oob'" : "");
      g_autoptr(JsonNode) node = parse (json);

      text = print (self, json_node_get_object (node));
    }
  g_mutex_unlock (&self->lock);
  write_bytes (self, text, strlen (text));
}

/* @socket: (transfer full) */
static void
adopt (FakeQemu *self, GSocket *socket)
{
  hang_up (self);
  self->is_negotiated = FALSE;
  self->has_oob = FALSE;
  self->framing = qmp_framing_new (64 * 1024 * 1024, 1024);
  g_mutex_lock (&self->lock);
  self->client = socket;
  g_mutex_unlock (&self->lock);
  self->readable = g_socket_create_source (socket, G_IO_IN, NULL);
  g_source_set_callback (self->readable, G_SOURCE_FUNC (on_readable), self, NULL);
  g_source_attach (self->readable, self->context);
  greet (self);
}

static gboolean
on_acceptable (GSocket *listener, GIOCondition condition, gpointer data)
{
  FakeQemu *self = data;
  GSocket *socket = g_socket_accept (listener, NULL, NULL);

  if (!socket)
    return G_SOURCE_CONTINUE;

  g_clear_pointer (&self->acceptable, g_source_unref);
  adopt (self, socket);
  return G_SOURCE_REMOVE;
}

static void
listen_again (FakeQemu *self)
{
  if (!self->listener || self->acceptable)
    return;

  self->acceptable = g_socket_create_source (self->listener, G_IO_IN, NULL);
  g_source_set_callback (self->acceptable, G_SOURCE_FUNC (on_acceptable), self, NULL);
  g_source_attach (self->acceptable, self->context);
}

static void
hang_up (FakeQemu *self)
{
  if (!self->client)
    return;

  g_source_destroy (self->readable);
  g_clear_pointer (&self->readable, g_source_unref);
  g_clear_pointer (&self->framing, qmp_framing_free);
  g_queue_clear_full (&self->held, command_free);
  g_queue_clear_full (&self->frozen, command_free);
  g_mutex_lock (&self->lock);
  g_socket_close (self->client, NULL);
  g_clear_object (&self->client);
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
  listen_again (self);
}

/* What the test asks for is done in the fake's thread, in the order of asking. */

typedef struct
{
  FakeQemu *self;
  void (*func) (FakeQemu *self, GBytes *bytes);
  GBytes *bytes; /* (nullable) */
} Act;

static gboolean
do_act (gpointer data)
{
  Act *act = data;

  act->func (act->self, act->bytes);
  return G_SOURCE_REMOVE;
}

static void
act_free (gpointer data)
{
  Act *act = data;

  g_clear_pointer (&act->bytes, g_bytes_unref);
  g_free (act);
}

/* @bytes: (nullable) (transfer full) */
static void
post (FakeQemu *self, void (*func) (FakeQemu *self, GBytes *bytes), GBytes *bytes)
{
  Act *act = g_new0 (Act, 1);
  GSource *source;

  act->self = self;
  act->func = func;
  act->bytes = bytes;
  if (g_thread_self () == self->thread)
    {
      do_act (act);
      act_free (act);
      return;
    }
  source = g_idle_source_new ();
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, do_act, act, act_free);
  g_source_attach (source, self->context);
  g_source_unref (source);
}

static void
act_write (FakeQemu *self, GBytes *bytes)
{
  gsize length;
  const char *data = g_bytes_get_data (bytes, &length);

  write_bytes (self, data, length);
}

static void
act_hang_up (FakeQemu *self, GBytes *bytes)
{
  hang_up (self);
}

static void
act_adopt (FakeQemu *self, GBytes *bytes)
{
  const int *fd = g_bytes_get_data (bytes, NULL);
  g_autoptr(GError) error = NULL;
  GSocket *socket = g_socket_new_from_fd (*fd, &error);

  g_assert_no_error (error);
  g_mutex_lock (&self->lock);
  self->is_client_due = FALSE;
  g_mutex_unlock (&self->lock);
  adopt (self, socket);
}

/* @name: (nullable): only these */
static void
take_up (FakeQemu *self, GQueue *queue, const char *name)
{
  GQueue waiting = *queue;
  Command *command;

  g_queue_init (queue);
  while ((command = g_queue_pop_head (&waiting)))
    {
      if (!self->client)
        command_free (command);
      else if (name && !g_str_equal (command->name, name))
        g_queue_push_tail (queue, command);
      else
        take_turn (self, command);
    }
}

static void
act_release (FakeQemu *self, GBytes *bytes)
{
  take_up (self, &self->held, g_bytes_get_data (bytes, NULL));
}

static void
act_thaw (FakeQemu *self, GBytes *bytes)
{
  take_up (self, &self->frozen, NULL);
}

static void
act_quit (FakeQemu *self, GBytes *bytes)
{
  g_main_loop_quit (self->loop);
}

static gpointer
run (gpointer data)
{
  FakeQemu *self = data;

  g_main_context_push_thread_default (self->context);
  listen_again (self);
  g_main_loop_run (self->loop);
  stop_listening (self);
  hang_up (self);
  g_main_context_pop_thread_default (self->context);
  return NULL;
}

static FakeQemu *
fake_new (const char *path, GSocket *listener)
{
  FakeQemu *self = g_new0 (FakeQemu, 1);

  self->context = g_main_context_new ();
  self->loop = g_main_loop_new (self->context, FALSE);
  self->path = g_strdup (path);
  self->listener = listener;
  g_queue_init (&self->held);
  g_queue_init (&self->frozen);
  g_mutex_init (&self->lock);
  g_cond_init (&self->changed);
  self->rules = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, rule_free);
  self->seen = g_ptr_array_new_with_free_func (seen_free);
  self->version[0] = 7;
  self->version[1] = 2;
  self->version[2] = 22;
  self->offers_oob = TRUE;
  self->run_state = g_strdup ("running");
  g_mutex_lock (&self->lock);
  self->thread = g_thread_new ("fake-qemu", run, self);
  g_mutex_unlock (&self->lock);
  return self;
}

FakeQemu *
fake_qemu_new (void)
{
  return fake_new (NULL, NULL);
}

FakeQemu *
fake_qemu_new_listening (const char *path)
{
  g_autoptr(GSocketAddress) address = g_unix_socket_address_new (path);
  g_autoptr(GError) error = NULL;
  GSocket *listener = g_socket_new (G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, &error);

  g_assert_no_error (error);
  g_socket_bind (listener, address, FALSE, &error);
  g_assert_no_error (error);
  g_socket_set_listen_backlog (listener, 1);
  g_socket_listen (listener, &error);
  g_assert_no_error (error);
  return fake_new (path, listener);
}

void
fake_qemu_free (FakeQemu *self)
{
  if (!self)
    return;

  /* It may be stuck in a write that the client does not read. */
  g_mutex_lock (&self->lock);
  if (self->client)
    shutdown (g_socket_get_fd (self->client), SHUT_RDWR);
  g_mutex_unlock (&self->lock);
  post (self, act_quit, NULL);
  g_thread_join (self->thread);

  g_main_loop_unref (self->loop);
  g_main_context_unref (self->context);
  g_hash_table_unref (self->rules);
  g_ptr_array_unref (self->seen);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->changed);
  g_free (self->greeting);
  g_free (self->run_state);
  g_free (self->path);
  g_free (self);
}

GIOStream *
fake_qemu_connect (FakeQemu *self)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GSocket) socket = NULL;
  int fds[2];
  int failed = socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds);

  g_assert_cmpint (failed, ==, 0);
  socket = g_socket_new_from_fd (fds[0], &error);
  g_assert_no_error (error);
  g_mutex_lock (&self->lock);
  self->is_client_due = TRUE;
  g_mutex_unlock (&self->lock);
  post (self, act_adopt, g_bytes_new (&fds[1], sizeof fds[1]));
  return G_IO_STREAM (g_socket_connection_factory_create_connection (socket));
}

/* The script. */

static void
set_text (FakeQemu *self, char **text, const char *value)
{
  g_mutex_lock (&self->lock);
  g_free (*text);
  *text = g_strdup (value);
  g_mutex_unlock (&self->lock);
}

static void
set_flag (FakeQemu *self, gboolean *flag, gboolean value)
{
  g_mutex_lock (&self->lock);
  *flag = value;
  g_mutex_unlock (&self->lock);
}

void
fake_qemu_set_greeting (FakeQemu *self, const char *bytes)
{
  set_text (self, &self->greeting, bytes);
}

void
fake_qemu_set_version (FakeQemu *self, int major, int minor, int micro)
{
  g_mutex_lock (&self->lock);
  self->version[0] = major;
  self->version[1] = minor;
  self->version[2] = micro;
  g_mutex_unlock (&self->lock);
}

void
fake_qemu_set_oob (FakeQemu *self, gboolean is_offered)
{
  set_flag (self, &self->offers_oob, is_offered);
}

void
fake_qemu_set_pretty (FakeQemu *self, gboolean is_pretty)
{
  set_flag (self, &self->is_pretty, is_pretty);
}

void
fake_qemu_set_chunk (FakeQemu *self, gsize bytes)
{
  g_mutex_lock (&self->lock);
  self->chunk = bytes;
  g_mutex_unlock (&self->lock);
}

/* With the lock held. */
static Rule *
get_rule (FakeQemu *self, const char *command)
{
  Rule *rule = g_hash_table_lookup (self->rules, command);

  if (!rule)
    {
      rule = g_new0 (Rule, 1);
      rule->before = g_ptr_array_new_with_free_func (event_free);
      rule->after = g_ptr_array_new_with_free_func (event_free);
      g_hash_table_insert (self->rules, g_strdup (command), rule);
    }
  return rule;
}

static void
set_answer (FakeQemu *self, const char *command, AnswerKind kind, const char *klass, const char *text)
{
  Rule *rule;

  g_mutex_lock (&self->lock);
  rule = get_rule (self, command);
  rule->kind = kind;
  g_free (rule->klass);
  rule->klass = g_strdup (klass);
  g_free (rule->text);
  rule->text = g_strdup (text);
  g_mutex_unlock (&self->lock);
}

void
fake_qemu_reply (FakeQemu *self, const char *command, const char *json)
{
  json_node_unref (parse (json));
  set_answer (self, command, ANSWER_REPLY, NULL, json);
}

void
fake_qemu_fail (FakeQemu *self, const char *command, const char *klass, const char *desc)
{
  set_answer (self, command, ANSWER_FAIL, klass, desc);
}

void
fake_qemu_ignore (FakeQemu *self, const char *command)
{
  set_answer (self, command, ANSWER_NONE, NULL, NULL);
}

void
fake_qemu_hang_up_on (FakeQemu *self, const char *command)
{
  set_answer (self, command, ANSWER_HANG_UP, NULL, NULL);
}

void
fake_qemu_raw_on (FakeQemu *self, const char *command, const char *bytes)
{
  set_answer (self, command, ANSWER_RAW, NULL, bytes);
}

void
fake_qemu_reset (FakeQemu *self, const char *command)
{
  g_mutex_lock (&self->lock);
  g_hash_table_remove (self->rules, command);
  g_mutex_unlock (&self->lock);
}

static void
set_held (FakeQemu *self, const char *command, gboolean is_held)
{
  g_mutex_lock (&self->lock);
  get_rule (self, command)->is_held = is_held;
  g_mutex_unlock (&self->lock);
}

void
fake_qemu_hold (FakeQemu *self, const char *command)
{
  set_held (self, command, TRUE);
}

void
fake_qemu_release (FakeQemu *self, const char *command)
{
  set_held (self, command, FALSE);
  post (self, act_release, g_bytes_new (command, strlen (command) + 1));
}

void
fake_qemu_handle (FakeQemu *self, const char *command, FakeQemuFunc func, gpointer data)
{
  Rule *rule;

  g_mutex_lock (&self->lock);
  rule = get_rule (self, command);
  rule->func = func;
  rule->data = data;
  g_mutex_unlock (&self->lock);
}

static Event *
event_new (const char *name, const char *data_json)
{
  Event *event = g_new0 (Event, 1);

  if (data_json)
    json_node_unref (parse (data_json));
  event->name = g_strdup (name);
  event->data_json = g_strdup (data_json);
  return event;
}

void
fake_qemu_event_before (FakeQemu *self, const char *command, const char *event, const char *data_json)
{
  g_mutex_lock (&self->lock);
  g_ptr_array_add (get_rule (self, command)->before, event_new (event, data_json));
  g_mutex_unlock (&self->lock);
}

void
fake_qemu_event_after (FakeQemu *self, const char *command, const char *event, const char *data_json)
{
  g_mutex_lock (&self->lock);
  g_ptr_array_add (get_rule (self, command)->after, event_new (event, data_json));
  g_mutex_unlock (&self->lock);
}

void
fake_qemu_event (FakeQemu *self, const char *event, const char *data_json)
{
  GString *output = g_string_new (NULL);

  g_mutex_lock (&self->lock);
  add_event (self, output, event, data_json);
  g_mutex_unlock (&self->lock);
  post (self, act_write, g_string_free_to_bytes (output));
}

void
fake_qemu_raw (FakeQemu *self, const char *bytes, gssize length)
{
  post (self, act_write, g_bytes_new (bytes, length < 0 ? strlen (bytes) : (gsize) length));
}

void
fake_qemu_hang_up (FakeQemu *self)
{
  post (self, act_hang_up, NULL);
}

void
fake_qemu_freeze (FakeQemu *self, gboolean is_frozen)
{
  set_flag (self, &self->is_frozen, is_frozen);
  if (!is_frozen)
    post (self, act_thaw, NULL);
}

void
fake_qemu_set_run_state (FakeQemu *self, const char *state)
{
  set_text (self, &self->run_state, state);
}

/* What was seen. */

static guint
count_seen (FakeQemu *self, const char *name)
{
  guint count = 0;

  for (guint i = 0; i < self->seen->len; i++)
    count += g_str_equal (((const Seen *) g_ptr_array_index (self->seen, i))->name, name);
  return count;
}

guint
fake_qemu_count (FakeQemu *self, const char *command)
{
  guint count;

  g_mutex_lock (&self->lock);
  count = count_seen (self, command);
  g_mutex_unlock (&self->lock);
  return count;
}

char **
fake_qemu_commands (FakeQemu *self)
{
  GPtrArray *names = g_ptr_array_new ();

  g_mutex_lock (&self->lock);
  for (guint i = 0; i < self->seen->len; i++)
    {
      const Seen *seen = g_ptr_array_index (self->seen, i);

      g_ptr_array_add (names, g_strconcat (seen->out_of_band ? "oob:" : "", seen->name, NULL));
    }
  g_mutex_unlock (&self->lock);
  g_ptr_array_add (names, NULL);
  return (char **) g_ptr_array_free (names, FALSE);
}

JsonObject *
fake_qemu_last_arguments (FakeQemu *self, const char *command)
{
  g_autofree char *json = NULL;

  g_mutex_lock (&self->lock);
  for (guint i = self->seen->len; i > 0; i--)
    {
      const Seen *seen = g_ptr_array_index (self->seen, i - 1);

      if (g_str_equal (seen->name, command))
        {
          json = g_strdup (seen->arguments_json);
          break;
        }
    }
  g_mutex_unlock (&self->lock);
  return json ? parse_object (json) : NULL;
}

void
fake_qemu_wait_for (FakeQemu *self, const char *command, guint count)
{
  gint64 deadline = g_get_monotonic_time () + LIMIT_SECONDS * G_TIME_SPAN_SECOND;

  g_mutex_lock (&self->lock);
  while (count_seen (self, command) < count)
    if (!g_cond_wait_until (&self->changed, &self->lock, deadline))
      g_error ("the fake QEMU saw '%s' %u times, not %u", command, count_seen (self, command), count);
  g_mutex_unlock (&self->lock);
}

void
fake_qemu_wait_for_hang_up (FakeQemu *self)
{
  gint64 deadline = g_get_monotonic_time () + LIMIT_SECONDS * G_TIME_SPAN_SECOND;

  g_mutex_lock (&self->lock);
  while (self->client || self->is_client_due)
    if (!g_cond_wait_until (&self->changed, &self->lock, deadline))
      g_error ("the client of the fake QEMU did not hang up");
  g_mutex_unlock (&self->lock);
}
