#include "biplane/corpus/manifest_lines.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "biplane/core/error.h"
#include "biplane/core/parallel.h"
#include "biplane/corpus/manifest.h"

namespace biplane {
namespace {

constexpr std::int64_t kPieceBytes = std::int64_t{256} << 10;  // stays in a core's own cache
constexpr std::int64_t kPage = 4096;  // reading from the begin of one is a third faster
constexpr std::int64_t kLongestLine = std::int64_t{64} << 20;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::int64_t kPadding = 64;  // what the parser may read behind a line

[[noreturn]] void throw_row(const std::filesystem::path& path, std::int64_t row,
                            const std::string& what) {
  throw Error(ErrorKind::kBadContent, path.string() + ": row " + std::to_string(row) + ": " + what);
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r") == std::string_view::npos;
}

// The lines that begin in one piece of a file, one after the other.
class PieceLines {
 public:
  PieceLines(const PositionalFile& file, std::int64_t begin)
      : file_(file),
        base_(std::max<std::int64_t>(begin - kPage, 0)),
        end_(std::min(begin + kPieceBytes, file.size())),
        at_(begin) {
    if (begin == 0) return;
    const std::optional<std::int64_t> stop = find_end(begin - 1, end_);  // of another piece's line
    at_ = stop ? *stop + 1 : end_;
  }

  // Gives the next line, valid until the next call, and its place in the file. Throws Error
  // kBadContent for one that is too long.
  bool next(std::string_view& line, std::int64_t& offset) {
    if (at_ >= end_) return false;
    std::int64_t limit = end_;
    std::optional<std::int64_t> stop = find_end(at_, limit);
    while (!stop && limit < file_.size() && limit - at_ <= kLongestLine) {
      limit = std::min(limit + std::max(kPieceBytes, limit - at_), file_.size());
      stop = find_end(at_, limit);
    }
    const std::int64_t size = stop.value_or(limit) - at_;
    if (size > kLongestLine) throw Error(ErrorKind::kBadContent, "a line of more than 64 MiB");
    line = {buffer_.data() + (at_ - base_), static_cast<std::size_t>(size)};
    offset = std::exchange(at_, at_ + size + 1);
    return true;
  }

 private:
  // The first line end from `from` on and before `limit`, both places in the file.
  std::optional<std::int64_t> find_end(std::int64_t from, std::int64_t limit) {
    if (limit - base_ > read_) {
      buffer_.resize(static_cast<std::size_t>(limit - base_ + kPadding));
      read_ += file_.read(base_ + read_, buffer_.data() + read_, limit - base_ - read_);
    }
    const auto skipped = static_cast<std::size_t>(from - base_);
    const std::string_view text(buffer_.data(), static_cast<std::size_t>(limit - base_));
    const std::size_t found = text.find('\n', skipped);
    if (found == std::string_view::npos) return std::nullopt;
    return base_ + static_cast<std::int64_t>(found);
  }

  const PositionalFile& file_;
  std::int64_t base_, read_ = 0;  // of what is in the buffer
  std::int64_t end_;              // of the piece
  std::int64_t at_;               // of the next line
  std::vector<char> buffer_;
};

}  // namespace

struct ManifestLines::Piece {
  std::vector<Line> lines;  // rows count from 1 in the piece
  std::vector<StudySummary> summaries;
  std::int64_t rows = 0;  // of all lines, blank ones too
  std::string problem;    // of the last row; nothing behind it was read
};

ManifestLines::Piece ManifestLines::read_piece(std::int64_t index) const {
  Piece piece;
  PieceLines reader(file_, index * kPieceBytes);
  std::string_view line;
  std::int64_t offset = 0;
  try {
    // The row is counted before its line is found, which may fail.
    for (++piece.rows; reader.next(line, offset); ++piece.rows) {
      if (offset == 0 && line.starts_with(kByteOrderMark)) {
        line.remove_prefix(kByteOrderMark.size());
        offset += static_cast<std::int64_t>(kByteOrderMark.size());
      }
      if (is_blank(line)) continue;
      piece.summaries.push_back(summary_from_json(line));
      piece.lines.push_back({offset, piece.rows, static_cast<std::uint32_t>(line.size())});
    }
    --piece.rows;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kBadContent) throw;
    piece.problem = error.what();
  }
  return piece;
}

void ManifestLines::join(std::vector<Piece>& pieces, std::vector<StudySummary>& summaries) {
  std::size_t studies = 0;
  for (const Piece& piece : pieces) studies += piece.lines.size();
  lines_.reserve(studies);
  summaries.reserve(studies);  // what `seen` points into must stay where it is
  std::unordered_map<std::string_view, std::int64_t> seen;
  seen.reserve(studies);
  std::int64_t rows = 0;
  for (Piece& piece : pieces) {
    for (std::size_t i = 0; i < piece.lines.size(); ++i) {
      Line& line = lines_.emplace_back(piece.lines[i]);
      line.row += rows;
      const StudySummary& summary = summaries.emplace_back(std::move(piece.summaries[i]));
      const auto [first, fresh] = seen.emplace(summary.study_id, line.row);
      if (fresh) continue;
      throw_row(
          file_.path(), line.row,
          "study_id '" + summary.study_id + "' is already in row " + std::to_string(first->second));
    }
    rows += piece.rows;
    if (!piece.problem.empty()) throw_row(file_.path(), rows, piece.problem);
    piece = {};
  }
}

ManifestLines::ManifestLines(const std::filesystem::path& path, int threads,
                             std::vector<StudySummary>& summaries)
    : file_(path) {
  std::vector<Piece> pieces(
      static_cast<std::size_t>((file_.size() + kPieceBytes - 1) / kPieceBytes));
  // A bad line ends the work, but for the pieces before its own: one of them may have a bad line
  // that comes first, and their rows are counted.
  std::atomic<std::int64_t> first_bad = std::numeric_limits<std::int64_t>::max();
  parallel_for(static_cast<std::int64_t>(pieces.size()), threads, [&](std::int64_t i) {
    if (i > first_bad) return;
    Piece& piece = pieces[static_cast<std::size_t>(i)];
    piece = read_piece(i);
    std::int64_t known = first_bad;
    while (!piece.problem.empty() && i < known && !first_bad.compare_exchange_weak(known, i)) {
    }
  });
  join(pieces, summaries);
}

Study ManifestLines::read(std::int64_t place, const StudySummary& summary) const {
  const Line& line = lines_.at(static_cast<std::size_t>(place));
  std::string text(line.size, '\0');
  const std::int64_t size = file_.read(line.offset, text.data(), line.size);
  try {
    Study study = study_from_json({text.data(), static_cast<std::size_t>(size)});
    if (study.study_id == summary.study_id) return study;
  } catch (const Error& error) {
    throw_row(file_.path(), line.row, error.what());
  }
  throw_row(file_.path(), line.row, "was changed after the manifest was opened");
}

}  // namespace biplane
