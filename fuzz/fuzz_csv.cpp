// CSV tables, plain and compressed. The reader takes a path, so the input lies in a file in memory.
//
// Guards: biplane/formats/csv.cpp
#include <sys/mman.h>
#include <unistd.h>

#include "biplane/core/error.h"
#include "biplane/formats/csv.h"
#include "fuzz/seed_corpus.h"

namespace biplane::fuzz {

std::vector<std::string> seeds() {
  return {"frontal,lateral,report\r\na.png,b.png,\"two\nlines, \"\"quoted\"\"\"\r\nc.png,,\n",
          "\xEF\xBB\xBFImageId, EncodedPixels\n1, -1\n2,\"unclosed\n",
          std::string("a,b,\n1,2\n1,2,,,\n1\n\0,2\n", 23),
          "\xFF\xFE"
          "a\n",
          std::string("\x1F\x8B\x08\0\0\0\0\0\x02\x03\x4B\xD4\xE1\x02\0", 15),
          "report,report\n" + std::string(5000, 'x')};
}

void one_input(const std::uint8_t* data, std::size_t size) {
  static const int descriptor = memfd_create("csv", 0);
  static const std::string path = "/proc/self/fd/" + std::to_string(descriptor);
  if (ftruncate(descriptor, 0) != 0 ||
      pwrite(descriptor, data, size, 0) != static_cast<ssize_t>(size))
    return;
  CsvOptions options;
  options.max_field_bytes = 4096;
  options.max_columns = 64;
  try {
    CsvReader csv(path, options);
    for (CsvRow row; csv.next(row);) {
      if (row.problem.empty() && row.fields.size() != csv.header().size()) __builtin_trap();
      if (csv_line(row.fields).find('\0') != std::string::npos && row.problem.empty())
        __builtin_trap();
    }
    if (csv.column("report") >= csv.header().size()) __builtin_trap();
  } catch (const Error&) {
  }
}

}  // namespace biplane::fuzz
