#include "biplane/corpus/pack_study.h"

#include <fmt/format.h>

#include <map>
#include <span>
#include <utility>

#include "biplane/core/error.h"
#include "biplane/core/sha256.h"
#include "biplane/corpus/marks.h"
#include "biplane/imaging/encode.h"

namespace biplane {
namespace {

// Half the time of the usual 6 and, of radiographs of 256 px, as small: 3.2 and 6.0 ms, 30.1 and
// 29.9 KiB. A part of the pack's bytes.
constexpr PngOptions kPng = {.compression = 4};

const char* kind_of(ViewPosition view) {
  if (is_frontal(view)) return "frontal";
  return view == ViewPosition::kLateral ? "lateral" : "other";
}

const char* ending(std::span<const std::byte> bytes, const std::string& name) {
  switch (probe_image(bytes, name).format) {
    case ImageFormat::kPng:
      return "png";
    case ImageFormat::kJpeg:
      return "jpg";
    case ImageFormat::kDicom:
      break;
  }
  return "dcm";
}

// The content without padding: what a loader pads to the same square again.
GreyImage reduce(const DecodedImage& decoded, const PreprocessOptions& image) {
  if (image.fit == "longest") {
    const PadGeometry content =
        pad_geometry(decoded.original_rows, decoded.original_cols, static_cast<int>(image.size));
    return resize_area(decoded, content.content_rows, content.content_cols);
  }
  return to_grey(fit_image(decoded, image));
}

// An image that is not the one that the manifest speaks of.
struct ChangedImage {
  std::string why;
};

void check_unchanged(const View& view, const std::string& hash, const DecodedImage& decoded) {
  if (!view.sha256.empty() && view.sha256 != hash)
    throw ChangedImage{view.path + ": its SHA-256 is not the one in the manifest"};
  if ((view.rows > 0 && view.rows != decoded.original_rows) ||
      (view.cols > 0 && view.cols != decoded.original_cols)) {
    throw ChangedImage{fmt::format("{}: {} x {} pixels, the manifest says {} x {}", view.path,
                                   decoded.original_rows, decoded.original_cols, view.rows,
                                   view.cols)};
  }
}

// The image of a view as it is stored; says so in the view, except for its offset. The name is only
// its ending yet. Throws Error for what cannot be read, and ChangedImage.
PackedImage pack_image(const Manifest& manifest, const PackForm& form, View& view) {
  const ImageSource source = manifest.image_source(view);
  PackedImage packed{{}, read_image_bytes(source), view.path};
  const auto bytes = std::as_bytes(std::span(packed.bytes));
  // All of it is decoded where the bytes are kept, too: a pack holds no broken image.
  const DecodedImage decoded = decode_source(source, bytes, decode_options(form.image));
  // Only an image that is stored as large as it was comes back reduced.
  const bool whole = decoded.reduction.by > 1;
  StoredImage stored{0, 0, whole ? decoded.original_rows : decoded.image.rows,
                     whole ? decoded.original_cols : decoded.image.cols};
  const std::string hash = sha256_hex(packed.bytes);
  check_unchanged(view, hash, decoded);
  view.rows = decoded.original_rows;
  view.cols = decoded.original_cols;
  view.sha256 = hash;
  if (form.original) {
    packed.name = ending(bytes, source.name());
  } else {
    const GreyImage reduced = reduce(decoded, form.image);
    const bool png = form.encoding == "png";
    packed.name = png ? "png" : "jpg";
    packed.bytes = png ? encode_png(reduced, kPng) : encode_jpeg(reduced, form.quality);
    view.sha256 = sha256_hex(packed.bytes);
    stored.rows = reduced.rows;
    stored.cols = reduced.cols;
  }
  stored.length = static_cast<std::int64_t>(packed.bytes.size());
  view.stored = stored;
  return packed;
}

// Paths under the root are told without it, so that what is told does not depend on where the
// corpus lies.
std::string without_root(std::string text, const Manifest& manifest) {
  const std::string root = (manifest.root() / "").string();
  if (text.rfind(root, 0) == 0) text.erase(0, root.size());
  return text;
}

// Packs the images one after the other.
class StudyPacker {
 public:
  StudyPacker(const Manifest& manifest, std::int64_t place, const PackForm& form)
      : manifest_(manifest), form_(form) {
    prepared_.study = manifest.study(place);
    prepared_.key = fmt::format("{:09}", place);
  }

  PreparedStudy prepare() {
    std::vector<std::size_t> kept;
    for (std::size_t v = 0; v < prepared_.study.views.size(); ++v)
      if (add(v)) kept.push_back(v);
    keep_views(prepared_.study, kept);
    return std::move(prepared_);
  }

 private:
  // Whether the view is in the pack now.
  bool add(std::size_t place) {
    View& view = prepared_.study.views[place];
    try {
      PackedImage image = pack_image(manifest_, form_, view);
      if (const std::string mark = misplaced_mark(place); !mark.empty()) {
        lose("misplaced mark", fmt::format("{}: {} does not fit its {} x {} pixels", view.path,
                                           mark, view.rows, view.cols));
        return false;
      }
      const char* kind = kind_of(view.view);
      image.name = fmt::format("{}.{}{}.{}", prepared_.key, kind, count_[kind]++, image.name);
      view.path = image.name;
      prepared_.images.push_back(std::move(image));
      return true;
    } catch (const ChangedImage& changed) {
      lose("changed image", changed.why);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::kUsage || error.kind() == ErrorKind::kFailure) throw;
      const bool missing = error.kind() == ErrorKind::kMissingInput;
      lose(missing ? "missing image" : "broken image", without_root(error.what(), manifest_));
    }
    return false;
  }

  // Of a view whose size the manifest did not say: truth that is nowhere on it. Empty: all fit.
  std::string misplaced_mark(std::size_t place) const {
    const Study& study = prepared_.study;
    const View& view = study.views[place];
    const auto own = [&](const auto& mark) {
      return mark.view == static_cast<std::int64_t>(place);
    };
    for (const Box& box : study.boxes)
      if (own(box) && !stands_on(box, view)) return "a box of " + box.label;
    for (const Mask& mask : study.masks)
      if (own(mask) && !has_shape_of(mask, view)) return "a mask of " + mask.label;
    return {};
  }

  void lose(const std::string& reason, const std::string& what) {
    prepared_.lost.push_back({reason, "study " + prepared_.study.study_id + ": " + what});
  }

  const Manifest& manifest_;
  const PackForm& form_;
  PreparedStudy prepared_;
  std::map<std::string, int> count_;  // images of each kind so far
};

}  // namespace

PreparedStudy prepare_study(const Manifest& manifest, std::int64_t place, const PackForm& form) {
  return StudyPacker(manifest, place, form).prepare();
}

}  // namespace biplane
