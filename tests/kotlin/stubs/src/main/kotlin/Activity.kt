@file:Suppress("UNUSED_PARAMETER")

package androidx.activity

import android.app.Activity
import androidx.lifecycle.LifecycleOwner

public open class ComponentActivity : Activity(), LifecycleOwner
