/* GMime's side of the MIME benchmark, and of MIMETests.
   gmime COUNT FILE...: parses each file COUNT times into header fields and parts; prints the seconds taken.
   gmime --show FILE: prints subject, from, the name of the attachment and the text of a message. */
#include <gmime/gmime.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static GMimeMessage *parse(GMimeStream *stream) {
  GMimeParser *parser = g_mime_parser_new_with_stream(stream);
  GMimeMessage *message = g_mime_parser_construct_message(parser, NULL);
  g_object_unref(parser);
  return message;
}

static void show_part(GMimeObject *parent, GMimeObject *part, gpointer data) {
  (void)parent, (void)data;
  if (!GMIME_IS_PART(part)) return;
  const char *name = g_mime_part_get_filename(GMIME_PART(part));
  if (name) printf("file: %s\n", name);
  if (!name && GMIME_IS_TEXT_PART(part))
    printf("text: %s\n", g_strstrip(g_mime_text_part_get_text(GMIME_TEXT_PART(part))));
}

static unsigned long touched;
static void touch_part(GMimeObject *parent, GMimeObject *part, gpointer data) {
  (void)parent, (void)data;
  touched += g_mime_content_type_get_media_type(g_mime_object_get_content_type(part)) != NULL;
}

int main(int argc, char **argv) {
  if (argc < 3) return 64;
  g_mime_init();
  int show = !strcmp(argv[1], "--show");
  int count = show ? 1 : atoi(argv[1]);
  struct timespec start, end;
  double seconds = 0;
  for (int file = 2; file < argc; file++) {
    gchar *content;
    gsize size;
    if (!g_file_get_contents(argv[file], &content, &size, NULL)) return 66;
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (int i = 0; i < count; i++) {
      GMimeStream *stream = g_mime_stream_mem_new_with_buffer(content, size);
      GMimeMessage *message = parse(stream);
      if (!message) { /* one that GMime refuses */
        g_object_unref(stream);
        break;
      }
      if (show) {
        InternetAddress *from = internet_address_list_get_address(g_mime_message_get_from(message), 0);
        printf("subject: %s\nfrom: %s <%s>\n", g_mime_message_get_subject(message),
               internet_address_get_name(from),
               internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(from)));
        g_mime_message_foreach(message, show_part, NULL);
      } else {
        touched += g_mime_message_get_subject(message) != NULL;
        touched += (unsigned long)internet_address_list_length(g_mime_message_get_from(message));
        touched += (unsigned long)internet_address_list_length(g_mime_message_get_to(message));
        touched += g_mime_message_get_date(message) != NULL;
        g_mime_message_foreach(message, touch_part, NULL);
      }
      g_object_unref(message);
      g_object_unref(stream);
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    seconds += (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
    g_free(content);
  }
  if (!show) printf("%f %lu\n", seconds, touched);
  return 0;
}
