#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace biplane {

// The tokens of a BERT vocabulary file (vocab.txt: one token a line, the line number is the id).
// Immutable; copies are cheap and share one table; safe to use from many threads.
class Vocabulary {
 public:
  // Reads vocab.txt. Throws Error: kMissingInput, kIo, or kBadContent naming the file where [PAD],
  // [UNK], [CLS], [SEP] or [MASK] is missing. A token that occurs twice has the later id, as in the
  // reference implementation.
  static Vocabulary read(const std::filesystem::path& file);

  // The same from tokens in memory; `source` is named in errors.
  static Vocabulary from_tokens(std::vector<std::string> tokens,
                                const std::string& source = "vocabulary");

  // Writes vocab.txt (atomically). Throws Error kIo.
  void write(const std::filesystem::path& file) const;

  std::int64_t size() const;
  // Id of a token, or nothing.
  std::optional<std::int64_t> find(std::string_view token) const;
  // Id of a token, unk_id() if it is not there.
  std::int64_t id(std::string_view token) const;
  // Token of an id, 0 .. size()-1; throws Error kBadContent outside that range.
  const std::string& token(std::int64_t id) const;

  std::int64_t pad_id() const;
  std::int64_t unk_id() const;
  std::int64_t cls_id() const;
  std::int64_t sep_id() const;
  std::int64_t mask_id() const;
  // True for the ids of the five special tokens.
  bool is_special(std::int64_t id) const;

 private:
  struct Table;
  explicit Vocabulary(std::shared_ptr<const Table> table);
  std::shared_ptr<const Table> table_;
};

}  // namespace biplane
