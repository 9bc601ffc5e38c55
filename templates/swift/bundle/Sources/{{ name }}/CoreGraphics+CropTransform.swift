// SPDX-License-Identifier: Apache-2.0

import CoreGraphics

extension CGAffineTransform {
    /// Makes the transform that maps the pixels of a crop to those of the image, for `CGContext` and Core Image.
    public init(_ transform: CropTransform) {
        self.init(
            a: transform.a, b: transform.b, c: transform.c, d: transform.d, tx: transform.tx, ty: transform.ty)
    }
}
