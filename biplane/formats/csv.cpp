#include "biplane/formats/csv.h"

#include <csv.h>
#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <exception>

#include "biplane/core/error.h"

namespace biplane {
namespace {

constexpr std::size_t kChunk = 64 * 1024;

struct GzClose {
  void operator()(gzFile file) const { gzclose_r(file); }
};

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

int never_space(unsigned char) { return 0; }

}  // namespace

struct CsvReader::Impl {
  std::string name;
  CsvOptions options;
  std::unique_ptr<gzFile_s, GzClose> file;
  csv_parser parser{};
  std::vector<std::string> header;
  std::deque<std::vector<std::string>> ready;  // complete records not handed out yet
  std::vector<std::string> current;            // record being read
  std::int64_t handed_out = 0;                 // records after the header
  std::int64_t completed = 0;                  // records including the header
  bool started = false, ended = false, unclosed = false;
  std::string failure;  // of the record behind the last one that is ready; callbacks must not throw
                        // through C code

  Impl(const std::filesystem::path& path, const CsvOptions& given)
      : name(path.string()), options(given) {
    if (csv_init(&parser, 0) != 0) throw Error(ErrorKind::kFailure, name + ": no CSV parser");
    csv_set_delim(&parser, static_cast<unsigned char>(options.delimiter));
    csv_set_space_func(&parser, never_space);
    csv_set_blk_size(&parser, 4096);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() { csv_free(&parser); }

  [[noreturn]] void bad(const std::string& what) const {
    const std::string where = completed > 0 ? fmt::format("row {}: ", completed) : "header: ";
    throw Error(ErrorKind::kBadContent, fmt::format("{}: {}{}", name, where, what));
  }
  void open(const std::filesystem::path& path);
  void add_field(const char* text, std::size_t size);
  void end_record();
  void parse(const char* data, std::size_t size);
  void finish();
  bool fill();
  void read_header();
  std::size_t named_columns() const;  // without those at the end that have no name

  static void on_field(void* text, std::size_t size, void* self) {
    static_cast<Impl*>(self)->add_field(static_cast<const char*>(text), size);
  }
  static void on_record(int, void* self) { static_cast<Impl*>(self)->end_record(); }
};

void CsvReader::Impl::open(const std::filesystem::path& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored))
    throw Error(ErrorKind::kIo, name + ": is a folder, not a CSV file");
  if (std::filesystem::exists(path, ignored) && !std::filesystem::is_regular_file(path, ignored))
    throw Error(ErrorKind::kUsage, name + ": is not a regular file");
  errno = 0;
  file.reset(gzopen(path.c_str(), "rbe"));
  if (file) return;
  const bool missing = errno == ENOENT || errno == ENOTDIR;
  throw Error(missing ? ErrorKind::kMissingInput : ErrorKind::kIo,
              fmt::format("{}: {}", name, missing ? "does not exist" : std::strerror(errno)));
}

void CsvReader::Impl::add_field(const char* text, std::size_t size) {
  if (!failure.empty()) return;
  if (size > options.max_field_bytes) {
    failure =
        fmt::format("a field of more than {} bytes (an unclosed quote?)", options.max_field_bytes);
  } else if (current.size() >= options.max_columns) {
    failure = fmt::format("more than {} columns", options.max_columns);
  } else {
    current.emplace_back(text, size);
  }
}

void CsvReader::Impl::end_record() {
  if (!failure.empty()) return;
  ++completed;
  ready.push_back(std::move(current));
  current.clear();
}

void CsvReader::Impl::parse(const char* data, std::size_t size) {
  const std::size_t used = csv_parse(&parser, data, size, &Impl::on_field, &Impl::on_record, this);
  if (used != size && failure.empty()) failure = csv_strerror(csv_error(&parser));
  // A field in progress is in the parser's own buffer: this bounds it at the cap and one chunk.
  if (csv_get_buffer_size(&parser) > options.max_field_bytes + kChunk && failure.empty())
    failure =
        fmt::format("a field of more than {} bytes (an unclosed quote?)", options.max_field_bytes);
  if (!failure.empty()) ended = true;
}

void CsvReader::Impl::finish() {
  ended = true;
  // A line end closes the last record unless a quote is open; only then is something left for
  // csv_fini.
  parse("\n", 1);
  const std::int64_t closed = completed;
  csv_fini(&parser, &Impl::on_field, &Impl::on_record, this);
  unclosed = completed > closed;
}

// Parses until at least one record is ready; false at the end. A failure is thrown after the
// records before it.
bool CsvReader::Impl::fill() {
  std::array<char, kChunk> chunk;
  while (ready.empty() && !ended) {
    const int count = gzread(file.get(), chunk.data(), kChunk);
    int code = Z_OK;
    const char* message = gzerror(file.get(), &code);
    if (count < 0 || (code != Z_OK && code != Z_STREAM_END)) {
      if (code == Z_ERRNO)
        throw Error(ErrorKind::kIo, fmt::format("{}: {}", name, std::strerror(errno)));
      bad(fmt::format("damaged gzip data ({})", message));
    }
    const char* data = chunk.data();
    auto size = static_cast<std::size_t>(count);
    if (!started && size > 0) {
      started = true;
      const std::string_view head(data, size);
      if (head.starts_with("\xFF\xFE") || head.starts_with("\xFE\xFF"))
        bad("UTF-16 text: save the file as UTF-8");
      const std::size_t mark = head.starts_with("\xEF\xBB\xBF") ? 3 : 0;
      data += mark;
      size -= mark;
    }
    if (count == 0) {
      finish();
    } else {
      parse(data, size);
    }
  }
  if (ready.empty() && !failure.empty()) bad(failure);
  return !ready.empty();
}

std::size_t CsvReader::Impl::named_columns() const {
  std::size_t count = header.size();
  while (count > 0 && trimmed(header[count - 1]).empty()) --count;
  return count;
}

void CsvReader::Impl::read_header() {
  if (!fill()) throw Error(ErrorKind::kBadContent, name + ": the CSV file is empty");
  header = std::move(ready.front());
  ready.pop_front();
  for (const std::string& column : header)
    if (column.find('\0') != std::string::npos)
      throw Error(ErrorKind::kBadContent, name + ": NUL byte in the header: not a CSV text file");
  if (unclosed && ready.empty())
    throw Error(ErrorKind::kBadContent, name + ": unclosed quote in the header");
}

CsvReader::CsvReader(const std::filesystem::path& path, const CsvOptions& options)
    : impl_(std::make_unique<Impl>(path, options)) {
  impl_->open(path);
  impl_->read_header();
}
CsvReader::CsvReader(CsvReader&&) noexcept = default;
CsvReader& CsvReader::operator=(CsvReader&&) noexcept = default;
CsvReader::~CsvReader() = default;

const std::vector<std::string>& CsvReader::header() const { return impl_->header; }
const std::string& CsvReader::name() const { return impl_->name; }

std::optional<std::size_t> CsvReader::find_column(std::string_view name) const {
  const auto& header = impl_->header;
  auto found = std::find(header.begin(), header.end(), name);
  if (found == header.end())
    found = std::find_if(header.begin(), header.end(), [&](const std::string& column) {
      return trimmed(column) == trimmed(name);
    });
  if (found == header.end()) return std::nullopt;
  if (std::find(found + 1, header.end(), *found) != header.end()) {
    throw Error(ErrorKind::kBadContent,
                fmt::format("{}: the column '{}' is there twice", impl_->name, *found));
  }
  return static_cast<std::size_t>(found - header.begin());
}

std::size_t CsvReader::column(std::string_view name) const {
  if (const auto found = find_column(name)) return *found;
  std::string present;
  for (const std::string& column : impl_->header)
    present += fmt::format("{}'{}'", present.empty() ? "" : ", ", column);
  throw Error(ErrorKind::kBadContent,
              fmt::format("{}: has no column '{}' (its columns are {}){}", impl_->name, name,
                          present, did_you_mean(name, impl_->header)));
}

bool CsvReader::next(CsvRow& row) {
  row = {};
  if (impl_->ready.empty() && !impl_->fill()) return false;
  row.number = ++impl_->handed_out;
  row.fields = std::move(impl_->ready.front());
  impl_->ready.pop_front();
  const std::size_t columns = impl_->header.size();
  while (row.fields.size() > columns && row.fields.back().empty()) row.fields.pop_back();
  if (row.fields.size() >= impl_->named_columns() && row.fields.size() < columns)
    row.fields.resize(columns);
  if (impl_->unclosed && impl_->ready.empty()) {
    row.problem = "unclosed quote at the end of the file";
  } else if (row.fields.size() != columns) {
    row.problem = fmt::format("{} fields, the header has {}", row.fields.size(), columns);
  }
  for (std::size_t i = 0; i < row.fields.size() && row.problem.empty(); ++i)
    if (row.fields[i].find('\0') != std::string::npos)
      row.problem = fmt::format("NUL byte in column '{}'", impl_->header[i]);
  return true;
}

std::string csv_line(const std::vector<std::string>& fields) {
  std::string line;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (i > 0) line += ',';
    const bool plain = fields[i].find_first_of(",\"\r\n") == std::string::npos &&
                       trimmed(fields[i]).size() == fields[i].size() &&
                       !(fields.size() == 1 && fields[i].empty());
    if (plain) {
      line += fields[i];
      continue;
    }
    line += '"';
    for (const char c : fields[i]) {
      if (c == '"') line += '"';
      line += c;
    }
    line += '"';
  }
  return line;
}

}  // namespace biplane
