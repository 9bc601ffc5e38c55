package org.tensorflow.lite.gpu

import java.io.Closeable
import org.tensorflow.lite.Delegate
import org.tensorflow.lite.StandIns

/** A stand-in for the class of that name, see StandIns.kt. */
class GpuDelegate(@Suppress("UNUSED_PARAMETER") options: GpuDelegateFactory.Options) : Delegate, Closeable {
    init {
        StandIns.open += "delegate"
    }

    override fun getNativeHandle(): Long = 1

    override fun close() {
        check(StandIns.open.remove("delegate")) { "closed twice" }
    }
}
