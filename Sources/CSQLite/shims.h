// SQLite as a module, and shims for what Swift cannot import. Header-only: there is no C source in Postern.

#ifndef POSTERN_SQLITE_SHIMS_H
#define POSTERN_SQLITE_SHIMS_H

#include <sqlite3.h>

// SQLite copies the octets. A null pointer means that there are none, and not NULL.
static inline int postern_sqlite_bind_text(sqlite3_stmt *statement, int place, const void *octets, int count) {
  return sqlite3_bind_text(statement, place, octets ? (const char *)octets : "", count, SQLITE_TRANSIENT);
}

static inline int postern_sqlite_bind_blob(sqlite3_stmt *statement, int place, const void *octets, int count) {
  return sqlite3_bind_blob(statement, place, octets ? octets : "", count, SQLITE_TRANSIENT);
}

#endif
