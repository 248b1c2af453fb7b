#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

#include "biplane/core/positional_file.h"
#include "biplane/corpus/study.h"

namespace biplane {

// What opening a manifest reads of a line, without the rest of it. All of the line must be JSON;
// behind it 64 bytes more can be read, whatever they are. Throws Error kBadContent naming key and
// value.
StudySummary summary_from_json(std::string_view line);

// Where the studies of a manifest stand in its file.
class ManifestLines {
 public:
  // Reads the file once, on `threads` threads, in pieces that are not kept. `summaries`: gets those
  // of all studies, in the order of the file. Throws Error: as PositionalFile; kBadContent naming
  // file, row, key and value for the first bad line, or one whose study_id an earlier one has, or
  // one of more than 64 MiB.
  ManifestLines(const std::filesystem::path& path, int threads,
                std::vector<StudySummary>& summaries);

  // Reads and checks all of a study; `summary`: that of its place. Throws Error: kIo; kBadContent
  // naming file, row, key and value, or saying that the file is no longer what it was.
  Study read(std::int64_t place, const StudySummary& summary) const;

 private:
  struct Line {
    std::int64_t offset = 0;
    std::int64_t row = 0;  // from 1; blank lines count
    std::uint32_t size = 0;
  };
  struct Piece;
  Piece read_piece(std::int64_t index) const;
  void join(std::vector<Piece>& pieces, std::vector<StudySummary>& summaries);

  PositionalFile file_;
  std::vector<Line> lines_;
};

}  // namespace biplane
