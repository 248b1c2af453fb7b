#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace biplane {

struct CsvOptions {
  char delimiter = ',';
  std::size_t max_field_bytes = std::size_t{1} << 20;  // more is an error: mostly an unclosed quote
  std::size_t max_columns = 4096;
};

// One record after the header. A quoted field may hold delimiters, quotes ("") and line ends.
struct CsvRow {
  std::int64_t number = 0;          // 1 for the first record after the header
  std::vector<std::string> fields;  // as stored: blanks are kept; as many as the header has unless
                                    // `problem` says otherwise
  std::string
      problem;  // empty, or why the row cannot be trusted (field count, NUL byte, unclosed quote)
};

// Streaming CSV reader: UTF-8 with or without byte order mark, LF, CRLF or CR; blank lines are
// skipped; a file compressed with gzip is read as if it were not. Columns at the end that have no
// name may be missing from a row (the box list of NIH has three). Memory is bounded by the longest
// record.
//
//   CsvReader csv(path);
//   const std::size_t frontal = csv.column("frontal");
//   for (CsvRow row; csv.next(row);) { if (row.problem.empty()) use(row.fields[frontal]); }
class CsvReader {
 public:
  // Reads the header. Throws Error: kMissingInput, kIo, kBadContent ("empty", a NUL byte or UTF-16,
  // a field above the cap).
  explicit CsvReader(const std::filesystem::path& path, const CsvOptions& options = {});
  CsvReader(CsvReader&&) noexcept;
  CsvReader& operator=(CsvReader&&) noexcept;
  ~CsvReader();

  const std::vector<std::string>& header() const;  // names as stored
  // Index of a column: the exact name, else the name with blanks at its ends removed (SIIM has "
  // EncodedPixels"). Throws Error kBadContent naming the file, the wanted column, the nearest one
  // and those that are there, or saying that it is there twice.
  std::size_t column(std::string_view name) const;
  std::optional<std::size_t> find_column(std::string_view name) const;
  // False at the end. Throws Error kIo or kBadContent (a field above the cap, damaged gzip), naming
  // file and row.
  bool next(CsvRow& row);
  const std::string& name() const;  // of the file, for errors

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// One line of CSV without the line end; fields are quoted where needed (RFC 4180).
std::string csv_line(const std::vector<std::string>& fields);

}  // namespace biplane
