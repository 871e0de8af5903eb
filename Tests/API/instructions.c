// A plug-in of QEMU's user mode that counts the instructions of a program and writes their number into the file that
// INSTRUCTIONS_FILE names. Valgrind counts the same in eight times the time.
//
//     cc -shared -fPIC -O2 -o instructions.so instructions.c
//     INSTRUCTIONS_FILE=FILE qemu-x86_64 -plugin ./instructions.so PROGRAM
//
// Debian has no header for plug-ins; these are the calls of version 1 of the interface.

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct qemu_plugin_tb;
enum { add_to_counter = 0 };
int qemu_plugin_version = 1;
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, void (*)(uint64_t, struct qemu_plugin_tb *));
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *, int, void *, uint64_t);
void qemu_plugin_register_atexit_cb(uint64_t id, void (*)(uint64_t, void *), void *);

static uint64_t count;

static void translate(uint64_t id, struct qemu_plugin_tb *block) {
  qemu_plugin_register_vcpu_tb_exec_inline(block, add_to_counter, &count, qemu_plugin_tb_n_insns(block));
}

static void end(uint64_t id, void *data) {
  FILE *file = fopen(getenv("INSTRUCTIONS_FILE"), "w");
  if (!file) abort();
  fprintf(file, "%" PRIu64 "\n", count);
  fclose(file);
}

int qemu_plugin_install(uint64_t id, const void *info, int count_of_arguments, char **arguments) {
  qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
  qemu_plugin_register_atexit_cb(id, end, NULL);
  return 0;
}
